"""Of the stage normalise, what makes samples of photographed people: a shard at a time, then all of them in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.limits import Limits
from ffhq_uv.archive.project import Told, read_told, told_of
from ffhq_uv.chain.editor import Editor, build_editor, build_procedure
from ffhq_uv.checkpoints.needs import check
from ffhq_uv.config import Config, Normalise
from ffhq_uv.editing.normalise import needed
from ffhq_uv.editing.reach import Reach, reach
from ffhq_uv.editing.slots import attributes
from ffhq_uv.geometry import FRONT, VIEWS
from ffhq_uv.once import once_a_run
from ffhq_uv.selection.mix import let_go
from ffhq_uv.shards.failures import check_failures
from ffhq_uv.shards.phases import phase
from ffhq_uv.shards.run import running
from ffhq_uv.shards.work import Work
from ffhq_uv.store import files
from ffhq_uv.store.codes import Codes, store, stored, whole
from ffhq_uv.store.limits import limits
from ffhq_uv.studio.normalised import agreement, truth
from ffhq_uv.studio.recognise import is_studio

BATCH = 64
"""Codes in memory at once: 7 MB of three views."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "reason": pl.String,
    "edits": pl.List(pl.String),
    "moved": pl.List(pl.Float32),
    "rounds": pl.Int64,
    "happy": pl.Boolean,
    "part": pl.String,
    "place": pl.Int64,
}
"""A row a sample; ``reason`` is null, or why it has no codes.

edits     which had something to change; all are done
moved     how far each of the 18 layers of the front went, Euclidean length
rounds    further ones against the smile
happy     whether the face still is; null where nobody was asked
part      of the work: the file with its codes, and its place there
"""
OWN = ("edits", "moved", "rounds", "happy")
"""Columns that the samples keep beside those of the index."""


@dataclass(frozen=True)
class Shard:
    """Some samples: their rows in the codes as photographed, and where their attributes and lights are."""

    rows: list[int]
    ids: list[str]
    told: list[dict[str, str]]
    label: str = files.SAMPLE_CODES.stem

    def ones(self) -> list[Shard]:
        """A shard for every sample."""
        return [Shard([row], [id], [told]) for row, id, told in zip(self.rows, self.ids, self.told, strict=True)]


def normalise(config: Config, section: Normalise) -> None:
    """Make the samples; one that cannot be normalised keeps its row, with the reason."""
    check(config)
    index = files.read_table(files.REFERENCE_INDEX)
    if not len(index):
        raise FileNotFoundError(
            "normalise=published: dataset_project/ has no people; it needs latents, attributes and lights "
            "(source.dataset_project), or choose normalise=off"
        )
    people = shuffled(index, config.seed)
    with running("normalise", config, SCHEMA) as run:
        make = partial(_normalise, config, _reach(section, index))
        places = told_of(files.ARCHIVES, limits(config))
        rows = run.rows(make, list(_shards(people, places, config.engine.shard)))
        if rows is None:
            return
        samples = _samples(people, rows)
        check_failures(samples["reason"], config.failures.max_share, "normalise")
        known = samples.clear().select("id")  # nobody, but of the studio's people
        report = counts(samples, [edit.name for edit in build_procedure(section).edits])
        with files.replacing_directory(files.NORMALISED) as out:
            store(out / files.NORMALISED_CODES.name, len(samples), len(VIEWS), partial(_codes, run.work, samples))
            told = [part["attributes"] for part in _parts(run.work, samples)]
            np.save(out / files.NORMALISED_ATTRIBUTES.name, np.concatenate(told))
            good = samples["reason"].is_null().to_numpy()
            if good.any() and is_studio(files.TOPO_ASSETS):
                fronts = partial(_fronts, out, people["row"].to_numpy(), np.flatnonzero(good))
                known = truth(samples["id"].filter(good).to_list(), (after for _, after in fronts()))
                found = [places[id] for id in samples["person"].filter(good)]
                report["truth"] = agreement(fronts(), _told(found, limits(config)))
        files.write_table(files.SAMPLES, samples.drop("part", "place"))
        files.write_table(files.TRUTH, known)
        files.write_report("normalise", report)
    print(f"normalised {samples['reason'].null_count():,} of {len(samples):,} people")


def shuffled(index: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The people of a project folder in another order, as samples numbered anew: ``person`` is their id in the folder,
    ``row`` that of their codes.

    The data set's authors shuffled theirs, too, and told the FFHQ index in ``meta-info.json``.
    """
    order = np.random.default_rng([seed, len(index)]).permutation(len(index))
    people = index.with_row_index("row")[order]
    ids = [f"{number:06d}" for number in range(len(index))]
    return people.with_columns(person="id", id=pl.Series(ids, dtype=pl.String), uv_map=pl.lit(None, pl.String))


def counts(samples: pl.DataFrame, edits: list[str]) -> dict[str, Any]:
    """How many people were normalised, why others were not, and what that took."""
    good = samples.filter(pl.col("reason").is_null())
    reasons = Counter(reason.partition(":")[0] for reason in samples["reason"].drop_nulls())
    moved = np.array(good["moved"].to_list(), np.float64).reshape(-1, 18)
    return {
        "normalised": len(good),
        "failed": reasons.total(),
        "reasons": dict(sorted(reasons.items())),
        "needed": {name: sum(name in row for row in good["edits"]) for name in [*edits, "smile"]},
        "moved_by_layer": moved.mean(0).tolist() if len(good) else [],
        "further_rounds": {
            str(rounds): int((good["rounds"] == rounds).sum()) for rounds in good["rounds"].unique().sort()
        },
        "still_happy": int(good["happy"].sum()),
    }


def _fronts(normalised: Path, rows: NDArray[np.int64], good: NDArray[np.int64]) -> Iterator[tuple[Codes, Codes]]:
    """Front codes [k, 18, 512] of some samples at a time, as photographed and as normalised."""
    before, after = stored(files.REFERENCE_CODES), stored(normalised / files.NORMALISED_CODES.name)
    for start in range(0, len(good), BATCH):
        some = good[start : start + BATCH]
        yield before[rows[some], 0], whole(after[some])[:, FRONT]
        let_go(before)
        let_go(after)


def _told(places: list[dict[str, str]], bounds: Limits) -> dict[str, NDArray[np.float64]]:
    """What the service told of some people, as the studio counts it: pitch grows downwards."""
    archives = _archives(files.ARCHIVES.resolve(), bounds)
    found = [told for place in places if isinstance(told := read_told(archives, place), Told)]
    return {
        "yaw": np.array([[one.numbers["Yaw"]] for one in found]),
        "pitch": np.array([[-one.numbers["Pitch"]] for one in found]),
        "light": np.array([one.light for one in found]),
    }


def _reach(section: Normalise, index: pl.DataFrame) -> Reach | None:
    good = index["reason"].is_null().to_numpy()
    if section.reach is None or not good.any():
        return None
    codes = stored(files.REFERENCE_CODES)

    def parts() -> Iterator[Codes]:
        for start in range(0, len(index), BATCH):
            part = slice(start, min(start + BATCH, len(index)))
            yield np.asarray(codes[part, 0])[good[part]]
            let_go(codes)

    return reach(parts, section.reach.quantile, section.reach.slack)


def _shards(people: pl.DataFrame, told: dict[str, dict[str, str]], size: int) -> Iterator[Shard]:
    for part in people.filter(pl.col("reason").is_null()).iter_slices(size):
        yield Shard(part["row"].to_list(), part["id"].to_list(), [told.get(id, {}) for id in part["person"]])


def _samples(people: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The samples with what became of them, in the order of their ids."""
    made = rows.rename({"reason": "why"})
    joined = people.join(made, on="id", how="left", maintain_order="left")
    joined = joined.with_columns(reason=pl.coalesce("reason", "why"))
    return joined.select(*(name for name in people.columns if name != "row"), *OWN, "part", "place").rechunk()


@once_a_run
def _archives(root: Path, bounds: Limits) -> Archives:
    """Opened once a process: a zip of 70,000 members takes a while."""
    return Archives(root, bounds)


def _normalise(config: Config, within: Reach | None, work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    """The rows of a shard, and the file of its codes."""
    archives, editor = _archives(files.ARCHIVES.resolve(), limits(config)), build_editor(config)
    with phase("decode"):
        found = [read_told(archives, locations) for locations in shard.told]
        photographed = np.ascontiguousarray(stored(files.REFERENCE_CODES)[shard.rows][:, 0])
    count = len(shard.ids)
    path = work.folder / "codes" / f"{shard.ids[0]}-{count}.npz"
    codes, told = np.zeros((count, len(VIEWS), 18, 512), np.float32), np.zeros((count, len(VIEWS), 17), np.float32)
    rows: list[dict[str, Any]] = [
        {"id": id, "reason": one if isinstance(one, str) else None, "part": path.name, "place": place}
        for place, (id, one) in enumerate(zip(shard.ids, found, strict=True))
    ]
    good = [place for place, one in enumerate(found) if isinstance(one, Told)]
    if good:
        with phase("edit"):
            _edit(editor, [one for one in found if isinstance(one, Told)], good, photographed, rows, codes, told)
        for place, reason in zip(good, within.beyond(codes[good]) if within else [None] * len(good), strict=True):
            if reason is not None and rows[place]["reason"] is None:
                rows[place]["reason"] = f"out_of_reach: {reason}"
            if rows[place]["reason"] is not None:
                codes[place] = 0
    with files.replacing(path) as partly, open(partly, "wb") as file:
        np.savez(file, codes=codes, attributes=told)
    return pl.DataFrame(rows, SCHEMA), [path]


def _edit(
    editor: Editor, told: list[Told], places: list[int], photographed: Codes,
    rows: list[dict[str, Any]], codes: Codes, attributes_of_views: Codes,
) -> None:  # fmt: skip
    """Edit the samples at these places of a shard; their rows, codes and attributes are filled in."""
    before = torch.tensor([attributes(one.light, one.numbers) for one in told], dtype=torch.float32)
    smiles = [one.numbers["Expression"] for one in told]
    ids = [rows[place]["id"] for place in places]
    made = editor(torch.from_numpy(photographed[places]), before, smiles, ids)
    for number, view in enumerate(VIEWS):
        codes[places, number] = made.codes[view].cpu().numpy()
        attributes_of_views[places, number] = made.attributes[view].cpu().numpy()
    edits, moved = needed(editor.procedure, before), made.moved.tolist()
    for at, place in enumerate(places):
        rows[place] |= {"edits": edits[at], "moved": moved[at], "rounds": made.rounds[at], "happy": made.happy[at]}
        if made.diverged[at]:
            rows[place]["reason"] = "flow_diverged: a number of a code is not finite, or far beyond what codes are"


def _parts(work: Work, samples: pl.DataFrame) -> Iterator[dict[str, Codes]]:
    """Codes [k, 3, 18, 512] and attributes [k, 3, 17] of all samples in their order, some at a time; zero without."""
    for some in samples.select("part", "place").iter_slices(BATCH):
        count = len(some)
        whole = {"codes": np.zeros((count, len(VIEWS), 18, 512), np.float32),
                 "attributes": np.zeros((count, len(VIEWS), 17), np.float32)}  # fmt: skip
        for (part,), rows in some.with_row_index("at").drop_nulls("part").group_by("part", maintain_order=True):
            with np.load(work.folder / "codes" / str(part)) as file:
                for name, values in whole.items():
                    values[rows["at"].to_numpy()] = file[name][rows["place"].to_numpy()]
        yield whole


def _codes(work: Work, samples: pl.DataFrame) -> Iterator[Codes]:
    for part in _parts(work, samples):
        yield part["codes"]
