"""Interpolate: shares sum up, parents share the category, weights mix, nothing depends on the order."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.selection.interpolate import allocate, draw_weights, interpolate


def people(sizes: dict[str | None, int]) -> pl.DataFrame:
    """So many members in every category, with ages and beards of their own."""
    categories = [category for category, size in sizes.items() for _ in range(size)]
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "id": [f"{row:06d}" for row in range(len(categories))],
            "category": pl.Series(categories, dtype=pl.String),
            "gender": pl.Series([int(str(c).startswith("male")) for c in categories], dtype=pl.Int64),
            "age": rng.uniform(18, 80, len(categories)),
            "beard": rng.random(len(categories)),
        }
    )


some_sizes = st.dictionaries(
    st.sampled_from(["male/a", "male/b", "female/a", "female/b", "female/ü"]), st.integers(1, 12), min_size=1
).filter(lambda sizes: max(sizes.values()) >= 2)


@given(some_sizes, st.integers(0, 500), st.sampled_from(["proportional", "uniform", "sqrt"]))
@settings(max_examples=80, deadline=None)
def test_allocations_sum_and_are_within_one_of_the_quota(sizes, count, how):
    shares = allocate(people(sizes), count, how=how)
    assert shares["recipes"].sum() == count
    able = shares.filter(pl.col("members") >= 2)
    assert shares.filter(pl.col("members") < 2)["recipes"].sum() == 0
    weight = able["members"].to_numpy() ** {"proportional": 1.0, "uniform": 0.0, "sqrt": 0.5}[how]
    assert (np.abs(able["recipes"].to_numpy() - count * weight / weight.sum()) < 1 + 1e-9).all()


def test_largest_remainder_by_hand():
    """7 among 5 : 3 : 2 is 3.5, 2.1, 1.4, so the seventh goes to the first; the lonely one gets nothing."""
    shares = allocate(people({"c": 2, "b": 3, "a": 5, "d": 1, None: 4}), 7)
    assert shares.rows() == [
        ("a", 5, 10, 4, None),
        ("b", 3, 3, 2, None),
        ("c", 2, 1, 1, None),
        ("d", 1, 0, 0, "1 members, 2 parents needed"),
    ]
    tie = allocate(people({"b": 2, "a": 2, "c": 2}), 4, how="uniform")
    assert tie["recipes"].to_list() == [2, 1, 1]


def test_refuses_when_nobody_can_be_mixed():
    with pytest.raises(ValueError, match="no category has the 3 members"):
        allocate(people({"a": 2, "b": 1}), 5, parents=3)


@pytest.mark.slow
@given(
    some_sizes,
    st.integers(0, 80),
    st.integers(2, 4),
    st.sampled_from(["uniform", "dirichlet"]),
    st.floats(0, 1),
    st.integers(0, 2**63),
)
@settings(max_examples=60, deadline=None)
def test_recipes(sizes, count, parents, weights, spare, seed):
    members = people(sizes)
    if max(sizes.values()) < parents:
        return
    shares = allocate(members, count, parents=parents)
    options = {"seed": seed, "parents": parents, "weights": weights}
    recipes = interpolate(members, shares, spare=spare, **options)

    main = recipes.filter(~pl.col("spare"))
    assert main["id"].to_list() == [f"{row:06d}" for row in range(count)]
    assert dict(main["category"].value_counts().iter_rows()) == {
        category: n for category, n in shares.select("category", "recipes").iter_rows() if n
    }
    home = dict(members.select("id", "category").iter_rows())
    age = dict(members.select("id", "age").iter_rows())
    for recipe in recipes.iter_rows(named=True):
        assert {home[parent] for parent in recipe["parents"]} == {recipe["category"]}
        assert len(set(recipe["parents"])) == parents
        assert sum(recipe["weights"]) == 1.0
        assert min(recipe["weights"]) >= 0
        assert recipe["gender"] == int(recipe["category"].startswith("male"))
        mean = sum(age[parent] * weight for parent, weight in zip(recipe["parents"], recipe["weights"], strict=True))
        assert recipe["age"] == pytest.approx(mean)

    # neither the order of the rows nor spares change a recipe
    again = interpolate(members.sample(fraction=1, shuffle=True, seed=1), shares.reverse(), **options)
    assert again.equals(main)


def test_a_category_does_not_depend_on_the_others():
    alone, together = (
        interpolate(people(sizes), allocate(people(sizes), count), seed=5)
        .filter(pl.col("category") == "female/a")
        .select("parents", "weights")
        .with_columns(pl.col("parents").list.join(" "))
        .sort("parents")
        for sizes, count in (({"female/a": 6}, 12), ({"female/a": 6, "male/b": 6}, 24))
    )
    assert alone.equals(together)


def test_attributes_that_parents_lack_or_do_not_share_are_null():
    members = people({"all": 2}).with_columns(gender=pl.Series([0, 1]), age=pl.Series([None, 30.0]))
    (recipe,) = interpolate(members, allocate(members, 1), seed=0).to_dicts()
    assert (recipe["gender"], recipe["age"]) == (None, None)
    assert recipe["beard"] is not None


def test_the_first_recipes_are_a_fair_sample_of_the_categories():
    members = people({"a": 30, "b": 30})
    first = interpolate(members, allocate(members, 400), seed=2)["category"].head(100)
    assert 30 <= (first == "a").sum() <= 70


@pytest.mark.parametrize(
    ("options", "mean", "variance"),
    [
        ({"weights": "uniform", "parents": 2}, 1 / 2, 1 / 12),
        ({"weights": "beta", "parents": 2, "beta": (2.0, 6.0)}, 1 / 4, 12 / (64 * 9)),
        ({"weights": "half", "parents": 2}, 1 / 2, 0.0),
        ({"weights": "uniform", "parents": 4}, 1 / 4, 3 / 80),
        ({"weights": "dirichlet", "parents": 3, "concentration": 2.0}, 1 / 3, 2 / 63),
    ],
)
def test_weights_follow_their_distribution_and_sum_to_exactly_one(options, mean, variance):
    weights = draw_weights(40_000, rng=np.random.default_rng(0), **options)
    assert weights.dtype == np.float32
    assert (weights.sum(axis=1, dtype=np.float32) == 1).all()
    assert (weights >= 0).all()
    assert weights[:, 0].mean() == pytest.approx(mean, abs=0.006)
    assert weights[:, 0].var() == pytest.approx(variance, abs=0.002)
    shorter = draw_weights(10, rng=np.random.default_rng(0), **options)
    assert np.array_equal(shorter, weights[:10])


@pytest.mark.parametrize(("weights", "parents"), [("beta", 3), ("half", 3), ("slerp", 2)])
def test_refuses_weights_for_another_number_of_parents(weights, parents):
    with pytest.raises(ValueError, match=weights):
        draw_weights(1, parents, np.random.default_rng(0), weights)
