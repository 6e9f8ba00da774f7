"""Classify: labels by edges, small categories merged as little as possible, nobody lost."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.selection.balance import balance
from ffhq_uv.selection.classify import Bins, Values, census, classify

GENDER = Values("gender", {1: "male", 0: "female"})
AGE = Bins("age", (18, 30, 45, 60))
BEARD = Bins("beard", (0.3,), ("no-beard", "beard"))


def people(rows) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"{number:06d}", *row) for number, row in enumerate(rows)],
        schema={"id": pl.String, "gender": pl.Int64, "age": pl.Float64, "beard": pl.Float64},
        orient="row",
    )


some_people = st.lists(
    st.tuples(
        st.sampled_from([0, 1, None]),
        st.one_of(st.none(), st.floats(0, 90)),
        st.sampled_from([0.0, 0.3, 0.9, None]),
    ),
    max_size=60,
).map(people)


def test_names_by_edges():
    samples = people([(0, 17.9, 0.0), (0, 18.0, 0.29), (1, 59.0, 0.3), (1, 60.0, 1.0)])
    assert classify(samples, [GENDER, AGE, BEARD])["category"].to_list() == [
        "female/under-18/no-beard",
        "female/18-30/no-beard",
        "male/45-60/beard",
        "male/60+/beard",
    ]


def test_any_recorded_attribute():
    samples = pl.DataFrame({"id": ["a", "b"], "tone": ["tan", "dark"], "glasses": [True, False]})
    axes = [Values("tone"), Values("glasses", {True: "glasses", False: "no-glasses"})]
    assert classify(samples, axes)["category"].to_list() == ["tan/glasses", "dark/no-glasses"]


def test_unknown_attributes_by_policy():
    samples = people([(0, None, 0.0), (2, float("nan"), 0.0), (0, 20.0, 0.0)])
    dropped = classify(samples, [GENDER, AGE])
    assert dropped["reason"].to_list() == ["age unknown", "gender unknown, age unknown", None]
    assert dropped["category"].to_list() == [None, None, "female/18-30"]
    own = classify(samples, [GENDER, AGE], unknown="own")
    assert own["category"].to_list() == ["female/unknown", "unknown/unknown", "female/18-30"]
    with pytest.raises(ValueError, match=r"2 samples lack an attribute.*000000, 000001"):
        classify(samples, [GENDER, AGE], unknown="error")


def ages(*counts: int) -> pl.DataFrame:
    """Women, so many in each age bin."""
    return people(
        [(0, age, 0.0) for age, count in zip((10, 20, 40, 50, 70), counts, strict=True) for _ in range(count)]
    )


@pytest.mark.parametrize(
    ("counts", "merged"),
    [
        ((9, 9, 9, 9, 9), {"under-18": 9, "18-30": 9, "30-45": 9, "45-60": 9, "60+": 9}),
        ((9, 1, 8, 9, 9), {"under-18": 9, "18-45": 9, "45-60": 9, "60+": 9}),  # to the smaller neighbour
        ((9, 1, 0, 5, 0), {"under-30": 10, "45-60": 5}),  # to the nearer, though it is larger
        ((1, 1, 1, 1, 1), {"any": 5}),
        ((9, 9, 2, 2, 9), {"under-18": 9, "18-30": 9, "30-60": 4, "60+": 9}),
        ((9, 0, 0, 0, 1), {"any": 10}),  # over empty bins, when there is nobody nearer
    ],
)
def test_small_categories_merge_with_the_nearest_bin(counts, merged):
    classified = classify(ages(*counts), [AGE], min_size=4)
    assert dict(classified["category"].value_counts().iter_rows()) == merged


def test_merging_keeps_to_people_alike_and_gives_up_on_the_lonely():
    samples = people([(0, 20.0, 0.0)] * 5 + [(1, 20.0, 0.9)] + [(0, 40.0, 0.0)])
    classified = classify(samples, [GENDER, AGE, BEARD], min_size=3)
    assert classified["category"].to_list() == ["female/18-45/no-beard"] * 5 + [None, "female/18-45/no-beard"]
    assert classified["reason"][5] == "male/18-30/beard has 1 of 3 members"
    assert classify(samples, [GENDER, AGE, BEARD], min_size=3, small="drop")["category"].to_list() == (
        ["female/18-30/no-beard"] * 5 + [None, None]
    )
    assert census(classified).rows() == [
        ("female/18-30/no-beard", 5, "female/18-45/no-beard", None),
        ("female/30-45/no-beard", 1, "female/18-45/no-beard", None),
        ("male/18-30/beard", 1, None, "male/18-30/beard has 1 of 3 members"),
    ]


@pytest.mark.slow
@given(some_people, st.integers(1, 8), st.sampled_from(["drop", "own"]), st.sampled_from(["merge", "drop"]))
@settings(max_examples=80, deadline=None)
def test_nobody_is_lost_and_no_category_is_small(samples, min_size, unknown, small):
    options = {"unknown": unknown, "min_size": min_size, "small": small}
    classified = classify(samples, [GENDER, AGE, BEARD], **options)
    assert classified["id"].to_list() == samples["id"].to_list()
    assert (classified["category"].is_null() == classified["reason"].is_not_null()).all()
    assert census(classified)["members"].sum() == len(samples)
    sizes = classified["category"].drop_nulls().value_counts()
    assert (sizes["count"] >= min_size).all()
    for row in classified.drop_nulls("category").iter_rows(named=True):
        gender, _, beard = row["fine"].split("/")
        assert row["category"].split("/")[::2] == [gender, beard]

    shuffled = classify(samples.sample(fraction=1, shuffle=True, seed=1), [GENDER, AGE, BEARD], **options)
    assert shuffled.sort("id").equals(classified)


@pytest.mark.parametrize(
    ("axes", "options", "named"),
    [
        ([], {}, "at least one"),
        ([Values("hair")], {}, "'hair'"),
        ([GENDER], {"min_size": 2, "along": "gender"}, "'gender'"),
        ([GENDER], {"min_size": 2}, "'age'"),
    ],
)
def test_refuses_axes_that_are_not_there(axes, options, named):
    with pytest.raises(ValueError, match=named):
        classify(people([(0, 20.0, 0.0)]), axes, **options)


@pytest.mark.parametrize("wrong", [{"edges": ()}, {"edges": (30, 18)}, {"edges": (18,), "names": ("young",)}])
def test_refuses_bins_that_are_none(wrong):
    with pytest.raises(ValueError, match="bins of age"):
        Bins("age", **wrong)


def test_balance_counts_shares_and_how_sure_they_are():
    groups = pl.Series(["dark", "dark", "light", "light", "light", "light", None])
    kept = pl.Series([True, False, True, True, True, True, False])
    rows = balance(groups, kept).rows_by_key("group", named=True, unique=True)
    assert (rows["dark"]["before"], rows["dark"]["after"], rows["dark"]["kept_share"]) == (2, 1, 0.5)
    # Wilson's interval for 1 of 2, and for 4 of 4
    assert (rows["dark"]["low"], rows["dark"]["high"]) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert (rows["light"]["low"], rows["light"]["high"]) == pytest.approx((0.5101, 1.0), abs=1e-4)
    assert rows["unknown"]["after"] == 0
