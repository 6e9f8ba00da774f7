"""truth: both ways of extracting textures against the true UV maps -> data/texture-truth.parquet.

Only the studio knows the truth; other archives get an empty table. A true map is what a perfect extraction would give:
the sample in the light that its faces show. What counts are the texels of the face's bare skin that some face shows.
Where the studio's geometry is wrong on purpose (`analysis.noise`), both ways are compared twice: with the geometry as
it is, and refined by landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from ffhq_uv.checkpoints.needs import check
from ffhq_uv.config import Config
from ffhq_uv.shards.failures import check_failures
from ffhq_uv.shards.run import running
from ffhq_uv.shards.work import Work
from ffhq_uv.store import files
from ffhq_uv.studio.recognise import is_studio

SCHEMA: dict[str, type[pl.DataType]] = {
    "id": pl.String,
    "method": pl.String,
    "refine": pl.String,
    "reason": pl.String,
    "psnr": pl.Float64,
    "ssim": pl.Float64,
    "coverage": pl.Float64,
    "seam": pl.Float64,
}
"""A row a sample, method and ``refine``; ``reason`` is null, or why there is no texture and no figure.

refine      what `analysis.refine` was for it
psnr        dB
ssim        up to 1
coverage    share of the texels that count which the method took from a face, 0..1
seam        99th percentile of the spurious gradient, grey levels a texel
"""


@dataclass(frozen=True)
class Shard:
    """Consecutive samples: their rows in the codes and their ids."""

    rows: list[int]
    ids: list[str]
    label: str = files.SAMPLE_CODES.stem

    def ones(self) -> list[Shard]:
        """A shard for every sample."""
        return [Shard([row], [id]) for row, id in zip(self.rows, self.ids, strict=True)]


def run(config: Config) -> None:
    """Compare every sample of the data set; where nobody knows the truth, write an empty table."""
    table: pl.DataFrame | None = pl.DataFrame(schema=SCHEMA)
    if config.generator.name == "studio" and is_studio(files.TOPO_ASSETS):
        check(config)
        shards = list(_shards(files.read_table(files.SAMPLES), config.engine.shard))
        with running("truth", config, SCHEMA) as run:
            table = run.rows(partial(_compare, config), shards)
    if table is None:
        return
    table = table.sort("id", maintain_order=True).rechunk()  # whatever the shards
    check_failures(table["reason"], config.failures.max_share, "truth")
    files.write_table(files.TEXTURE_TRUTH, table)
    means = (
        table.filter(pl.col("reason").is_null()).group_by("method", "refine", maintain_order=True).agg(pl.mean("psnr"))
    )
    told = (f"{method} (refine={refine}) {psnr:.2f} dB" for method, refine, psnr in means.iter_rows())
    print(", ".join(told) or "no truth to compare with")


def _shards(index: pl.DataFrame, size: int) -> Iterator[Shard]:
    good = index.with_row_index("row").filter(pl.col("reason").is_null())
    for part in good.iter_slices(size):
        yield Shard(part["row"].to_list(), part["id"].to_list())


def _compare(config: Config, _: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    from ffhq_uv.stages.comparison import compare  # here: it takes torch, and the run itself does without

    return pl.DataFrame(compare(config, shard), SCHEMA), []
