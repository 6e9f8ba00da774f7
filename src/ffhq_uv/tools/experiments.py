"""experiments: compare the experiments of `dvc exp run`: what each changed, and its row of the quality table.

The same as `dvc exp show --md`, whose columns are every parameter and every file, in the columns that differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field

from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import ConfigError, flat
from ffhq_uv.figures.table import BS_ERROR, ID_STD, KEPT, MAPS, grid

FIGURES = {
    "kept": ("FFHQ-UV", KEPT),
    "UV-maps": ("FFHQ-UV-Interpolate", MAPS),
    "ID std %": ("FFHQ-UV-Interpolate", ID_STD),
    "BS error": ("FFHQ-UV-Interpolate", BS_ERROR),
}
"""The columns after those of the parameters: the data set and its column of the quality table."""


class Words(Declared):
    """What the tool is told."""

    sort: str | None = Field(None, description="column to sort by, such as 'BS error'; without it, as they were run")


def run(words: Words) -> None:
    """Print the comparison. Raises RuntimeError where there is no repository, ConfigError for an unknown column."""
    revisions = list(_revisions())
    varied = sorted(_varied(revision["params"] for revision in revisions))
    header = ["experiment", *(_short(name, varied) for name in varied), *FIGURES]
    rows = [
        [
            revision["name"],
            *(_cell(revision["params"].get(name)) for name in varied),
            *(_cell(revision["metrics"].get(data_set, {}).get(column)) for data_set, column in FIGURES.values()),
        ]
        for revision in revisions
    ]
    if words.sort is not None:
        if words.sort not in header:
            raise ConfigError(f"sort={words.sort}: no such column; there are: {', '.join(header)}")
        place = header.index(words.sort)
        rows.sort(key=lambda row: _order(row[place]))
    print(grid([header, *rows]))


def _revisions() -> Iterator[dict[str, Any]]:
    """The workspace and every experiment that ended well: name, params (flat) and metrics (by data set)."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import SCMError

    try:
        with Repo() as repo:
            shown = [state.dumpd() for state in repo.experiments.show()]
    except (DvcException, SCMError) as error:
        raise RuntimeError(f"{error}; experiments are kept in a Git repository") from None
    for state in shown:
        if state["rev"] == "workspace" and state["data"]:
            yield _revision("workspace", state["data"])
        for experiment in state["experiments"] or ():
            for revision in experiment["revs"][:1]:
                if revision["data"]:
                    yield _revision(experiment["name"] or revision["rev"][:7], revision["data"])


def _revision(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    params = {
        key: value
        for found in data["params"].values()
        for key, value in flat((found or {}).get("data") or {})
        if not key.startswith("engine.")  # where it ran changes no result
    }
    metrics = {
        path.split("/")[-1].removesuffix(".json"): (found or {}).get("data") or {}
        for path, found in data["metrics"].items()
    }
    return {"name": name, "params": params, "metrics": metrics}


def _varied(params: Iterable[Mapping[str, Any]]) -> set[str]:
    """The parameters that are not the same in all."""
    every = list(params)
    names = {name for found in every for name in found}
    return {name for name in names if len({repr(found.get(name)) for found in every}) > 1}


def _short(name: str, among: Iterable[str]) -> str:
    """As much of a parameter's name, from its end, as tells it from the others."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        short = ".".join(parts[-count:])
        if sum(f".{other}".endswith(f".{short}") for other in among) == 1:
            return short
    return name


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _order(cell: str) -> tuple[bool, float, str]:
    """Numbers by size, then words, then what is missing."""
    try:
        return False, float(cell), ""
    except ValueError:
        return True, 0.0, cell
