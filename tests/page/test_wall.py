"""The wall's pictures."""

import cv2
import numpy as np

from ffhq_uv.page.script import webp
from ffhq_uv.page.wall import EMPTY, FACE, PER_ATLAS, SIDE, TILE, atlas, colour, tile


def test_a_tile_is_the_mean_of_what_it_replaces() -> None:
    uv_map = np.random.default_rng(0).integers(0, 256, (4 * TILE, 4 * TILE, 3)).astype(np.uint8)
    means = uv_map.reshape(TILE, 4, TILE, 4, 3).mean((1, 3))
    assert np.abs(tile(uv_map) - means).max() <= 0.5


def test_an_atlas_holds_its_tiles_in_reading_order_and_no_empty_rows() -> None:
    tiles = [np.full((TILE, TILE, 3), 10 * k, np.uint8) for k in range(SIDE + 2)]
    tiles[3] = None
    sheet = atlas(tiles)
    assert sheet.shape == (2 * TILE, SIDE * TILE, 3)
    assert (sheet[TILE:, TILE : 2 * TILE] == 10 * (SIDE + 1)).all()
    assert (sheet[:TILE, 3 * TILE : 4 * TILE] == EMPTY).all()
    assert atlas(tiles * 3)[: 5 * TILE].shape[0] == -(-len(tiles * 3) // SIDE) * TILE
    assert PER_ATLAS == SIDE**2


def test_a_colour_is_the_skins() -> None:
    uv_map = np.zeros((TILE, TILE, 3), np.uint8)
    uv_map[FACE] = (200, 150, 100)
    assert colour(tile(uv_map)) == (200, 150, 100)
    assert colour(None) == EMPTY


def test_webp_keeps_the_order_of_the_channels() -> None:
    red = np.full((16, 16, 3), (250, 10, 20), np.uint8)
    back = cv2.imdecode(np.frombuffer(webp(red, 90), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(back.astype(int) - red).max() < 6
