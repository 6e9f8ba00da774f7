"""Recipes of new samples: how many a category gets, from which parents, with which weights.

Every category draws from generators of its own, seeded by (seed, purpose, category) and blind to the order of
the rows: what one category draws does not depend on the others, nor on how the work is cut up.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isqrt
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.selection.parents import draw_parents

Allocation = Literal["proportional", "uniform", "sqrt"]
Weights = Literal["uniform", "beta", "half", "dirichlet"]

_GRAIN = 2**24  # weights are multiples of 1 / 2^24, which float32 holds and adds up exactly
_MEMBERS = {"category": pl.String, "members": pl.Int64}


def allocate(members: pl.DataFrame, count: int, *, how: Allocation = "proportional", parents: int = 2) -> pl.DataFrame:
    """How many of ``count`` new samples every category gets.

    members    id, category; rows without a category do not count
    how        a category's share is proportional to its size, the same for all, or to the square root of its
               size; whole numbers by the largest remainder, of equal ones the first by name
    parents    distinct parents that a new sample needs: a category with fewer members gets no sample, and its
               share goes to the others

    Returns, sorted by category: category; members; pairs, the distinct pairs of them; recipes, which sum to
    ``count`` exactly; reason, null or why the category gets none. Raises ValueError if none can be mixed.
    """
    if count < 0:
        raise ValueError(f"count: {count} found, 0 or more new samples expected")
    sizes = dict(
        members.filter(pl.col("category").is_not_null()).group_by("category").len().sort("category").iter_rows()
    )
    able = {category: size for category, size in sizes.items() if size >= parents}
    if not able and count > 0:
        raise ValueError(
            f"no category has the {parents} members that a new sample needs, the largest has "
            f"{max(sizes.values(), default=0)}: filter less, classify more coarsely, merge small categories"
        )
    recipes = _largest_remainder({category: _share(size, how) for category, size in able.items()}, count)
    table = pl.DataFrame({"category": list(sizes), "members": list(sizes.values())}, schema=_MEMBERS)
    return table.with_columns(
        (pl.col("members") * (pl.col("members") - 1) // 2).alias("pairs"),
        pl.Series("recipes", [recipes.get(category, 0) for category in sizes], pl.Int64),
        pl.when(pl.col("members") < parents)
        .then(pl.format(f"{{}} members, {parents} parents needed", "members"))
        .alias("reason"),
    )


def interpolate(
    members: pl.DataFrame,
    shares: pl.DataFrame,
    *,
    seed: int,
    parents: int = 2,
    weights: Weights = "uniform",
    beta: tuple[float, float] = (2.0, 2.0),
    concentration: float = 1.0,
    spare: float = 0.0,
) -> pl.DataFrame:
    """The recipes of new samples: parents of one category, and their weights.

    members          id, category, gender (int), age, beard (float); rows without a category are not used
    shares           category, recipes; as `allocate` gives them for these members and parents
    weights          "uniform": every mixture equally likely (of two parents t and 1 - t, t uniform on 0..1;
                     of more Dirichlet(1, ..., 1)); "dirichlet": symmetric, with ``concentration``; of two
                     parents also "beta": t from Beta(*beta), or "half"
    spare            share (0 or more) of further recipes for every category, rounded up and marked as
                     spare: to replace, in their order, samples of the category that turn out badly

    Returns, sorted by id
    id               6 digits (more for more than a million) from "000000"; the categories are shuffled, so
                     that the first n are a fair sample; spare recipes come last and change nothing before
                     them
    category         str
    parents          list[str], ids; no pair twice until the category's pairs are used up
    weights          list[f32], of the parents, 0..1; their sum is exactly 1
    gender           Int64, the parents'; null where they differ
    age, beard       f64, weighted means of the parents'; null if one is
    spare            bool
    """
    if spare < 0:
        raise ValueError(f"spare: {spare} found, a share of 0 or more expected")
    people = members.filter(pl.col("category").is_not_null()).sort("id")
    groups = {str(key[0]): group for key, group in people.partition_by("category", as_dict=True).items()}
    wanted = dict(shares.filter(pl.col("recipes") > 0).select("category", "recipes").sort("category").iter_rows())

    tables = []
    for category, count in wanted.items():
        if category not in groups:
            raise ValueError(f"shares: category {category!r} found, one that has members expected")
        total = count + ceil(count * spare)
        rows = draw_parents(len(groups[category]), total, parents, _generator(seed, "parents", category))
        mixture = draw_weights(
            total,
            parents,
            _generator(seed, "weights", category),
            weights,
            beta=beta,
            concentration=concentration,
        )
        tables.append(_recipes(groups[category], rows, mixture).with_columns(spare=pl.int_range(pl.len()) >= count))
    recipes = pl.concat(tables) if tables else _recipes(people.clear(), *_NOTHING).with_columns(spare=pl.lit(False))

    main = recipes.filter(~pl.col("spare"))
    order = np.random.default_rng([seed, *b"order"]).permutation(len(main))
    ordered = pl.concat([main[order], recipes.filter("spare")])
    digits = max(6, len(str(len(main) - 1)))
    return ordered.select(pl.int_range(pl.len()).cast(pl.String).str.zfill(digits).alias("id"), pl.all())


def draw_weights(
    count: int,
    parents: int,
    rng: np.random.Generator,
    weights: Weights = "uniform",
    *,
    beta: tuple[float, float] = (2.0, 2.0),
    concentration: float = 1.0,
) -> NDArray[np.float32]:
    """Weights of ``count`` samples of ``parents`` parents each, as `interpolate` names them.

    float32 [count, parents], 0..1, multiples of 2^-24, so that every row sums to exactly 1. A longer draw
    begins with the shorter one.
    """
    if weights in ("beta", "half") and parents != 2:
        raise ValueError(f"weights: {weights!r} found, which is for two parents; for {parents}: uniform, dirichlet")
    match weights:
        case "uniform" if parents == 2:
            first = rng.random(count)
        case "beta":
            first = rng.beta(*beta, size=count)
        case "half":
            first = np.full(count, 0.5)
        case "uniform" | "dirichlet":
            alpha = 1.0 if weights == "uniform" else concentration
            return _exact(rng.dirichlet([alpha] * parents, size=count))
        case _:
            raise ValueError(f"weights: {weights!r} found, one of {get_args(Weights)} expected")
    return _exact(np.stack([first, 1 - first], axis=1))


def _exact(weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """The weights in multiples of 2^-24; the largest of a row takes what rounding left over."""
    grains = np.rint(weights * _GRAIN)
    largest = grains.argmax(axis=1, keepdims=True)
    rest = _GRAIN - grains.sum(axis=1, keepdims=True)
    np.put_along_axis(grains, largest, np.take_along_axis(grains, largest, axis=1) + rest, axis=1)
    return (grains / _GRAIN).astype(np.float32)


_NOTHING = np.empty((0, 2), np.int64), np.empty((0, 2), np.float32)


def _recipes(people: pl.DataFrame, rows: NDArray[np.int64], weights: NDArray[np.float32]) -> pl.DataFrame:
    """The recipes of one category: what `interpolate` returns but for id and spare.

    people    the category's members
    rows      int64 [k, P], the parents as rows of people
    """
    flat = pl.Series(rows.ravel())

    def of_parents(column: str) -> NDArray[np.float64]:
        return people[column].cast(pl.Float64).gather(flat).to_numpy().reshape(rows.shape)

    gender = of_parents("gender")
    alike = (gender == gender[:, :1]).all(axis=1)
    return pl.DataFrame(
        {
            "category": people["category"].gather(flat[:: rows.shape[1]]),
            "parents": people["id"].gather(flat).reshape(rows.shape).arr.to_list(),
            "weights": pl.Series(weights.ravel(), dtype=pl.Float32).reshape(rows.shape).arr.to_list(),
            "gender": pl.Series(np.where(alike, gender[:, 0], np.nan)).fill_nan(None).cast(pl.Int64),
            **{
                column: pl.Series((of_parents(column) * weights).sum(axis=1)).fill_nan(None)
                for column in ("age", "beard")
            },
        }
    )


def _generator(seed: int, purpose: str, category: str) -> np.random.Generator:
    return np.random.default_rng([seed, *purpose.encode(), *category.encode()])


def _share(size: int, how: Allocation) -> int:
    """A category's share, as a whole number: remainders must not depend on rounding."""
    match how:
        case "proportional":
            return size
        case "uniform":
            return 1
        case "sqrt":
            return isqrt(size << 80)
        case _:
            raise ValueError(f"how: {how!r} found, one of {get_args(Allocation)} expected")


def _largest_remainder(shares: Mapping[str, int], count: int) -> dict[str, int]:
    """``count`` divided in proportion to whole shares; ties go by the order of the keys."""
    total = sum(shares.values())
    parts = {key: divmod(count * share, total) for key, share in shares.items()}
    rest = count - sum(whole for whole, _ in parts.values())
    winners = sorted(parts, key=lambda key: -parts[key][1])[:rest]
    return {key: whole + (key in winners) for key, (whole, _) in parts.items()}
