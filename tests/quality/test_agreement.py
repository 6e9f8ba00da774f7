"""Precision and recall."""

import pytest

from ffhq_uv.quality.agreement import agreement


def test_counts_precision_and_recall():
    found = agreement([True, True, True, False, False], [True, False, True, True, False])
    assert (found.hits, found.false_alarms, found.misses, found.correct_rejections) == (2, 1, 1, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)


def test_nothing_decided_and_nothing_true_are_none_not_one():
    assert agreement([False, False], [True, False]).precision is None
    assert agreement([True, False], [False, False]).recall is None


@pytest.mark.parametrize("decision", [[True], [0.2, 0.8]])
def test_refuses_other_lengths_and_scores(decision):
    with pytest.raises(ValueError, match="bool"):
        agreement(decision, [True, False])
