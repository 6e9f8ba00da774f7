"""extract: recipes -> data/ffhq-uv-interpolate in the published layout, its measurements and reports/extract.json;
data/rejected.parquet says what the gate found wrong with the samples that it rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.archive.writing import (
    normalised_attributes,
    sample_files,
    write_face_latents,
    write_meta_info,
    write_metadata,
    write_uv_map,
)
from ffhq_uv.chain.measurements import DETECTED, LONG, SCHEMA
from ffhq_uv.chain.metadata import metadata
from ffhq_uv.checkpoints.needs import check
from ffhq_uv.config import Config, ConfigError, sections
from ffhq_uv.figures.contact_sheet import contact_sheet
from ffhq_uv.selection.filter import Criterion, hold, summarise
from ffhq_uv.selection.gate import replace_lost
from ffhq_uv.shards.failures import check_failures
from ffhq_uv.shards.phases import phase
from ffhq_uv.shards.run import running
from ffhq_uv.shards.table import SHARD, write_rows
from ffhq_uv.shards.work import Work
from ffhq_uv.store import files
from ffhq_uv.store.bounds import read_bounds
from ffhq_uv.store.codes import Codes, sample_codes, stored, whole
from ffhq_uv.store.data_set import put_together
from ffhq_uv.store.recipes import Ingredients

SHOWN = 4
"""Samples on the contact sheet."""


@dataclass(frozen=True)
class Shard:
    """Some recipes, and what they mix: rows of the codes int64 [k, P], and rows of the categories' means int64 [k]."""

    recipes: pl.DataFrame
    rows: NDArray[np.int64]
    groups: NDArray[np.int64]
    label: str = files.INTERPOLATED.name

    @property
    def ids(self) -> list[str]:
        """The new samples' ids."""
        return self.recipes["id"].to_list()

    def ones(self) -> list[Shard]:
        """A shard for every sample."""
        places = range(len(self.recipes))
        return [Shard(self.recipes[i : i + 1], self.rows[i : i + 1], self.groups[i : i + 1]) for i in places]


@dataclass(frozen=True)
class Mixer:
    """Mixes the codes of a shard; a worker is sent one with every shard, so it holds no more than it must.

    means    the file of the categories' mean codes, where the method needs them
    """

    method: sections.Method
    means: Path | None

    def __call__(self, shard: Shard) -> Codes:
        """Codes float32 [k, 3, 18, 512]. Their parents' are mapped for this shard only, and do not stay in memory."""
        from ffhq_uv.selection.mix import mix  # here, as all that only workers need: it takes numba

        weights = np.array(shard.recipes["weights"].to_list(), np.float32)
        means = None if self.means is None else stored(self.means)
        codes = stored(sample_codes())
        return whole(mix(codes, shard.rows, weights, method=self.method, means=means, groups=shard.groups))


def run(config: Config) -> None:
    """Make every new sample, and spare ones for those that fail or that the gate rejects, while there are any.

    A sample that fails keeps its row of measurements, with the reason, and has no map.
    """
    check(config)
    if config.attributes.redetect:
        from ffhq_uv.chain.redetect import build_redetector

        build_redetector(config)  # what it lacks is said before the work begins
    bounds = _bounds(config)
    recipes = files.read_table(files.RECIPES)
    todo, spares = recipes.filter(~pl.col("spare")), recipes.filter("spare")
    asked, shown = len(todo), todo["id"].head(SHOWN).to_list()
    measured, verdicts = [], []
    with running("extract", config, _schema(config)) as run:
        ingredients = Ingredients.read()
        make = partial(_make, config, _mixer(config, ingredients, run.work.folder / "means.npy"), bounds, shown)
        while len(todo):
            parts = todo.iter_slices(config.engine.shard)
            rows = run.rows(make, [Shard(part, *ingredients.of(part)) for part in parts], LONG)
            if rows is None:
                return
            measured.append(rows)
            verdicts.append(hold(rows, bounds))
            lost = todo.join(verdicts[-1].filter(pl.col("status") != "kept"), on="id", how="semi")
            todo, spares = replace_lost(spares, lost["category"])
        measurements, verdict = pl.concat(measured), pl.concat(verdicts)
        check_failures(measurements["reason"], config.failures.max_share, "extract")
        made = recipes.join(verdict.filter(pl.col("status") == "kept"), on="id", how="semi")
        with files.replacing_directory(files.INTERPOLATED) as out:
            put_together(run.work.folder, made["id"].to_list(), out)
            write_meta_info(out / "meta-info.json", _meta_info(made, config.interpolate.record_parents))
            write_metadata(out, metadata(made, measurements.drop(SHARD)).iter_rows(named=True))
        rejected = verdict.filter(pl.col("status") == "dropped")
        files.write_table(files.REJECTED, rejected)
        others = measurements.join(rejected, on="id", how="anti").sort("id")
        write_rows(files.INTERPOLATED_MEASUREMENTS, others, run.work, _schema(config))
        files.write_report("extract", _metrics(asked, verdict, bounds))
        _picture(run.work, shown)
    print(f"made {len(made):,} of {asked:,} samples, {len(rejected):,} rejected")


def _bounds(config: Config) -> tuple[Criterion, ...]:
    """What new samples are held to. Raises ConfigError where none of them could be made, or pass."""
    if "recorded" in (config.generator.name, config.analysis.name):
        raise ConfigError(
            "new people have no recorded faces, nor a recorded analysis (generator=recorded, analysis=recorded): make "
            "them with generator=stylegan2 analysis=deep3d"
        )
    if not config.interpolate.gate.enabled:
        return ()
    bounds = read_bounds()
    if config.expression.name in ("recorded", "emotions") and any(bound.column == "expression" for bound in bounds):
        raise ConfigError(
            "interpolate.gate holds new maps to a bound on expression, which nobody recorded of new people "
            f"(expression={config.expression.name}): choose expression=coefficients, or filter.expression.neutral=false"
        )
    return bounds


def _mixer(config: Config, ingredients: Ingredients, means: Path) -> Mixer:
    """The configured mixer; the categories' mean codes are written to ``means`` where it needs them."""
    method = config.interpolate.method
    if method == "linear":
        return Mixer(method, None)
    with files.replacing(means) as partial, open(partial, "wb") as file:
        np.save(file, ingredients.means(stored(sample_codes())))
    return Mixer(method, means)


def _make(
    config: Config, mixer: Mixer, bounds: Sequence[Criterion], shown: Sequence[str], work: Work, shard: Shard
) -> tuple[pl.DataFrame, list[Path]]:
    """Make a shard's samples, and write the maps and codes of those within bounds, and the faces of those to be shown.

    The rows of measurements, and the files written.
    """
    import torch  # here: it loads for seconds, and the run itself does without

    from ffhq_uv.chain.chain import build
    from ffhq_uv.chain.redetect import redetected

    with phase("decode"):
        codes = mixer(shard)
    samples = build(config).samples(torch.from_numpy(codes), shard.ids, [None] * len(shard.ids))
    rows = pl.DataFrame(redetected(config, samples, codes), _schema(config))
    good = hold(rows, bounds)["status"] == "kept"
    people = shard.recipes.select("gender", "beard", "age").iter_rows()
    written = []
    with phase("encode"):
        for sample, code, passes, (gender, beard, age) in zip(samples, codes, good, people, strict=True):
            if sample.texture is None:
                continue
            if sample.id in shown:
                written.append(_shown(work, sample.id))
                with files.replacing(written[-1]) as partial, open(partial, "wb") as file:
                    np.savez(file, *(sample.faces if sample.faces is not None else ()), sample.texture)
            if passes:
                write_uv_map(work.folder, sample.id, sample.texture)
                write_face_latents(work.folder, sample.id, code, normalised_attributes(gender, beard, age))
                written += sample_files(work.folder, sample.id)
    return rows, written


def _schema(config: Config) -> files.Schema:
    """The columns of the measurements."""
    return SCHEMA | DETECTED if config.attributes.redetect else SCHEMA


def _shown(work: Work, id: str) -> Path:
    """Where the faces and the map of a sample on the contact sheet wait for it."""
    return work.folder / "shown" / f"{id}.npz"


def _metrics(asked: int, verdicts: pl.DataFrame, bounds: Sequence[Criterion]) -> dict[str, Any]:
    """asked = made + missing; tried = made + rejected + failed; of every criterion how many it rejected."""
    found = summarise(verdicts, bounds)
    return {
        "asked": asked,
        "made": found["kept"],
        "missing": asked - found["kept"],
        "tried": found["in"],
        "failed": found["failed"],
        "rejected": found["dropped"],
        "rejected_by": {name: counts["dropped"] for name, counts in found["criteria"].items()},
    }


def _meta_info(made: pl.DataFrame, with_parents: bool) -> dict[str, dict[str, Any]]:
    """``meta-info.json`` of the samples made. They are nobody in FFHQ, so their index there is null."""
    records = {}
    for row in made.iter_rows(named=True):
        record = {"Age": row["age"], "Beard": row["beard"], "Gender": row["gender"], "Index-in-FFHQ": None}
        if with_parents:
            record |= {"Parents": row["parents"], "Weights": row["weights"]}
        records[row["id"]] = record
    return records


def _picture(work: Work, shown: Sequence[str]) -> None:
    """The contact sheet of those samples that did not fail."""
    rows = []
    for path in (_shown(work, id) for id in shown):
        if path.exists():
            with np.load(path) as pictures:
                rows.append([pictures[name] for name in pictures.files])
    contact_sheet(files.PLOTS / "samples.png", rows)
