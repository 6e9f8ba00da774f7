"""Filter: every sample accounted for, every reason given, tighter never keeps more."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.selection.filter import Criterion, borderline, judge, resolve, summarise

LIGHT = Criterion("bs_error", "bs_error", "max", bound=7.0)
AREA = Criterion("area", "valid_area_ratio", "min", bound=0.9)


def table(**columns) -> pl.DataFrame:
    size = len(next(iter(columns.values())))
    plain = {"id": [f"{row:06d}" for row in range(size)], "reason": [None] * size, **columns}
    return pl.DataFrame(plain, schema_overrides={"reason": pl.String}, strict=False)


values = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 7.0, 0.9]))


@st.composite
def measurements(draw) -> pl.DataFrame:
    size = draw(st.integers(1, 30))
    column = st.lists(values, min_size=size, max_size=size)
    light, area = draw(column), draw(column)
    reason = draw(st.lists(st.sampled_from([None, None, "no_skin:left"]), min_size=size, max_size=size))
    light[0], area[0], reason[0] = 5.0, 0.95, None  # one sample at least was measured
    return table(bs_error=light, valid_area_ratio=area, reason=reason)


def test_all_reasons_with_their_values():
    verdicts = judge(
        table(
            bs_error=[9.1, 7.0, 6.0, None, math.nan, 9.1],
            valid_area_ratio=[0.5, 0.9, 0.1, 1.0, 0.2, 0.5],
            reason=[None, None, None, None, None, "face_unreadable:front: truncated PNG"],
        ),
        [LIGHT, AREA],
    )
    assert verdicts.select("status", "reasons").rows() == [
        ("dropped", ["bs_error 9.1 > 7.0", "area 0.5 < 0.9"]),
        ("kept", []),  # on both bounds
        ("dropped", ["area 0.1 < 0.9"]),
        ("dropped", ["bs_error not measured"]),
        ("dropped", ["bs_error not measured", "area 0.2 < 0.9"]),
        ("failed", ["face_unreadable:front: truncated PNG"]),
    ]
    assert verdicts["broken"].to_list() == [
        ["bs_error", "area"],
        [],
        ["area"],
        ["bs_error"],
        ["bs_error", "area"],
        [],
    ]
    assert summarise(verdicts, [LIGHT, AREA]) == {
        "in": 6,
        "kept": 1,
        "dropped": 4,
        "failed": 1,
        "criteria": {
            "bs_error": {"max": 7.0, "dropped": 3, "alone": 1, "not_measured": 2},
            "area": {"min": 0.9, "dropped": 3, "alone": 1, "not_measured": 0},
        },
        "overlaps": {"bs_error & area": 2},
        "failures": {"face_unreadable:front": 1},
    }


@pytest.mark.slow
@given(measurements())
@settings(max_examples=60, deadline=None)
def test_every_sample_is_accounted_for_against_plain_python(samples):
    verdicts = judge(samples, [LIGHT, AREA])
    assert verdicts["id"].to_list() == samples["id"].to_list()
    for sample, verdict in zip(samples.to_dicts(), verdicts.to_dicts(), strict=True):
        broken = [
            name
            for name, value, beyond in (
                ("bs_error", sample["bs_error"], lambda value: value > 7.0),
                ("area", sample["valid_area_ratio"], lambda value: value < 0.9),
            )
            if value is None or not math.isfinite(value) or beyond(value)
        ]
        if sample["reason"] is not None:
            assert (verdict["status"], verdict["broken"]) == ("failed", [])
            assert verdict["reasons"] == [sample["reason"]]
        else:
            assert verdict["status"] == ("dropped" if broken else "kept")
            assert verdict["broken"] == broken
            assert [reason.split()[0] for reason in verdict["reasons"]] == broken
    summary = summarise(verdicts, [LIGHT, AREA])
    assert summary["in"] == summary["kept"] + summary["dropped"] + summary["failed"] == len(samples)


@given(measurements(), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from(["max", "min"]))
@settings(max_examples=60, deadline=None)
def test_a_tighter_bound_keeps_a_subset(samples, one, other, side):
    loose, tight = (max, min) if side == "max" else (min, max)
    kept = [
        set(
            judge(samples, [AREA, Criterion("bs_error", "bs_error", side, bound=bound)])
            .filter(pl.col("status") == "kept")["id"]
            .to_list()
        )
        for bound in (tight(one, other), loose(one, other))
    ]
    assert kept[0] <= kept[1]


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=40),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["max", "min"]),
)
@settings(max_examples=60, deadline=None)
def test_quantiles_keep_the_share_they_say_and_are_monotone(column, one, other, side):
    samples = table(bs_error=column)

    def kept(quantile):
        criterion = Criterion("bs_error", "bs_error", side, quantile=quantile)
        return set(judge(samples, [criterion]).filter(pl.col("status") == "kept")["id"])

    low, high = sorted((one, other))
    share = high if side == "max" else 1 - high
    assert len(kept(high)) >= math.floor(share * (len(column) - 1)) + 1
    assert kept(low) <= kept(high) if side == "max" else kept(high) <= kept(low)


def test_resolved_quantiles_hold_for_other_samples():
    source = table(bs_error=np.arange(101.0))
    (resolved,) = resolve(source, [Criterion("bs_error", "bs_error", "max", quantile=0.6)])
    assert (resolved.bound, resolved.quantile) == (60.0, None)
    assert judge(table(bs_error=[60.0, 61.0]), [resolved])["status"].to_list() == ["kept", "dropped"]


def test_quantiles_are_of_measured_samples_only():
    samples = table(
        bs_error=[1.0, 2.0, 3.0, 1000.0, None, math.inf],
        reason=[None, None, None, "no_skin:left", None, None],
    )
    (resolved,) = resolve(samples, [Criterion("bs_error", "bs_error", "max", quantile=1.0)])
    assert resolved.bound == 3.0


@pytest.mark.parametrize("column", [{}, {"bs_error": [None, None]}, {"bs_error": [None, 5.0], "reason": [None, "x"]}])
def test_a_criterion_that_was_not_measured_is_an_error(column):
    with pytest.raises(ValueError, match="criterion bs_error is on"):
        judge(table(valid_area_ratio=[1.0, 1.0], **column), [LIGHT])


def test_all_failed_is_not_an_unmeasured_criterion():
    samples = table(bs_error=[None, None], reason=["no_skin:left", "no_skin:left"])
    assert judge(samples, [LIGHT])["status"].to_list() == ["failed", "failed"]


def test_no_criteria_keep_every_measured_sample():
    assert judge(table(reason=[None, "no_skin:left"]), [])["status"].to_list() == ["kept", "failed"]


def test_borderline_samples_surround_the_bound():
    samples = table(bs_error=[1.0, 6.8, 6.9, 7.1, 7.2, 99.0, 6.99], valid_area_ratio=[1.0] * 6 + [0.0])
    worst_kept, best_dropped = borderline(judge(samples, [LIGHT, AREA]), LIGHT, 2)
    assert worst_kept == ["000002", "000001"]
    assert best_dropped == ["000003", "000004"]


@pytest.mark.parametrize("bounds", [{}, {"bound": 1.0, "quantile": 0.5}, {"quantile": 1.5}, {"bound": math.nan}])
def test_a_criterion_has_one_bound(bounds):
    with pytest.raises(ValueError, match="criterion light"):
        Criterion("light", "bs_error", "max", **bounds)


def test_refuses_an_id_twice():
    with pytest.raises(ValueError, match="000007"):
        judge(pl.DataFrame({"id": ["000007", "000007"], "reason": [None, None]}), [])
