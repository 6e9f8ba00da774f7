"""codes: mix the codes of the new samples by their recipes; no face is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config
from ffhq_uv.geometry import VIEWS
from ffhq_uv.selection.mix import Codes, Method, mix
from ffhq_uv.shards.progress import progress
from ffhq_uv.store import files
from ffhq_uv.store.codes import WIDTH, sample_codes, stored, whole, write
from ffhq_uv.store.recipes import Ingredients
from ffhq_uv.store.rows import LAYERS

BATCH = 64
"""Samples mixed at once: 3.4 MB, or 7 MB of whole codes; beside them up to 256 MB of mapped parents' pages."""


class Words(Declared):
    """What the tool is told."""

    out: Path = Field(description="file to write, .npy")


def run(words: Words, config: Config) -> None:
    """Write the codes and print their shape."""
    shape = write_new_codes(config, words.out)
    print(f"{words.out}: float32 {list(shape)}")


def write_new_codes(config: Config, out: Path) -> tuple[int, ...]:
    """Write the codes of every recipe but the spare ones, in their order: three views of each, as published.

    Returns the shape, [n, 3, 18, 512]. Raises FileNotFoundError before the stage interpolate ran.
    """
    recipes = files.read_table(files.RECIPES).filter(~pl.col("spare"))
    ingredients = Ingredients.read()
    rows, groups = ingredients.of(recipes)
    weights = np.array(recipes["weights"].to_list(), np.float32)
    codes, method = stored(sample_codes()), config.interpolate.method
    means = ingredients.means(codes) if method == "variance_preserving" else None

    shape = (len(recipes), len(VIEWS), LAYERS, WIDTH)
    with progress(len(recipes), "codes") as bar, files.replacing(out) as partial:
        mixed = in_batches(codes, rows, weights, method, means, groups, bar.update)
        write(partial, shape, (whole(batch) for batch in mixed), wait=True)
    return shape


def in_batches(
    codes: Codes,
    rows: NDArray[np.integer],
    weights: Codes,
    method: Method,
    means: Codes | None,
    groups: NDArray[np.integer],
    done: Callable[[int], object],
) -> Iterator[Codes]:
    """The codes of new samples, mixed (`selection.mix.mix`) into two buffers in turn; ``done`` is told their number."""
    two = np.empty((2, BATCH, *codes.shape[1:]), np.float32)
    for number, start in enumerate(range(0, len(rows), BATCH)):
        batch, block = slice(start, start + BATCH), two[number % 2, : len(rows) - start]
        mix(codes, rows[batch], weights[batch], method=method, means=means, groups=groups[batch], out=block)
        done(len(block))
        yield block
