"""Parts of a job array: disjoint, complete, even, and the same whoever asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffhq_uv.engine import Part


@given(st.sets(st.text(max_size=8), max_size=60), st.integers(1, 9), st.randoms())
def test_parts_are_a_partition_that_depends_on_nothing_but_the_ids(ids, count, random) -> None:
    listed = sorted(ids)
    parts = [Part(index, count).of(listed, str) for index in range(count)]
    assert sorted(id for part in parts for id in part) == listed
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    random.shuffle(listed)
    assert [Part(index, count).of(listed, str) for index in range(count)] == parts


def test_a_part_is_read_as_it_is_written() -> None:
    assert Part.parse("3/16") == Part(3, 16)
    assert str(Part(3, 16)) == "3/16"


@pytest.mark.parametrize("text", ["16/16", "1/0", "-1/4", "1", "1/2/3", "a/b", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="0/16 to 15/16"):
        Part.parse(text)
