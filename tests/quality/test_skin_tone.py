"""Skin tone: colours whose Lab values are published, and cheeks that are partly hidden."""

import math

import polars as pl
import pytest
import torch

from ffhq_uv.quality.skin_tone import CHEEKS, ita, skin_tone, srgb_to_lab
from ffhq_uv.quality.tone_class import ita_class, lightest_first


@pytest.mark.parametrize(
    ("srgb", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
        ((8, 8, 8), (2.19, 0.0, 0.0)),  # below the cube root's start: Y = 0.00243, L* = 903.3 Y
    ],
)
def test_lab_of_known_colours(srgb, lab):
    assert srgb_to_lab(torch.tensor(srgb, dtype=torch.uint8)).tolist() == pytest.approx(lab, abs=0.01)


def test_ita_worked_by_hand():
    """sRGB (225, 172, 150) is linear (.75296, .41254, .30499), so Y = .47718 and Z / 1.08883 = .32472."""
    lightness, _, yellow = srgb_to_lab(torch.tensor([225, 172, 150], dtype=torch.uint8)).unbind(-1)
    assert float(lightness) == pytest.approx(74.646, abs=0.005)
    assert float(yellow) == pytest.approx(18.820, abs=0.005)
    assert float(ita(lightness, yellow)) == pytest.approx(52.636, abs=0.02)


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        (55.1, "very light"),
        (55.0, "light"),
        (41.0, "intermediate"),
        (28.0, "tan"),
        (10.0, "brown"),
        (-29.9, "brown"),
        (-30.0, "dark"),
        (-89.0, "dark"),
        (math.nan, None),
    ],
)
def test_classes(degrees, name):
    assert ita_class(degrees) == name


@pytest.mark.parametrize("size", [1024, 256, 64])
def test_reads_only_covered_cheeks_and_resists_spots(size):
    skin = torch.tensor([200, 150, 120], dtype=torch.uint8)
    lightness, _, yellow = srgb_to_lab(skin)
    tone = float(ita(lightness, yellow))

    uv_map = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    coverage = torch.zeros(1, 3, size, size, dtype=torch.bool)
    left, right = ([round(edge * size / 1024) for edge in box] for box in CHEEKS)
    uv_map[0, left[0] : left[1], left[2] : left[3]] = skin
    uv_map[0, right[0] : right[1], right[2] : right[3]] = torch.tensor([90, 60, 40], dtype=torch.uint8)
    coverage[0, 0, left[0] : left[1], left[2] : left[3]] = True  # the right cheek is the template's
    uv_map[0, left[0] : left[0] + size // 64, left[2] : left[3]] = 255  # a highlight

    assert float(skin_tone(uv_map, coverage)) == pytest.approx(tone, abs=1e-3)
    assert skin_tone(uv_map, coverage & False).isnan().all()


def test_cheeks_mirror_each_other_between_eyes_and_mouth():
    (row0, row1, left0, left1), right = CHEEKS
    assert right == (row0, row1, 1024 - left1, 1024 - left0)
    assert 385 < row0 < row1 < 594  # eye corners, mouth corners
    assert 348 > left0 > 216  # from outside the outer eye corner, inside the left view's columns
    assert left1 < 417  # to the outside of the mouth corner


def test_classes_sort_from_the_lightest_to_the_darkest_and_what_is_none_comes_last():
    table = pl.DataFrame({"tone": ["unknown", "dark", "tan", "very light", "brown", "light", "intermediate"]})
    ordered = table.sort(lightest_first("tone"))["tone"].to_list()
    assert ordered == ["very light", "light", "intermediate", "tan", "brown", "dark", "unknown"]
    assert [ita_class(angle) for angle in (60, 50, 30, 20, 0, -60)] == ordered[:-1]
