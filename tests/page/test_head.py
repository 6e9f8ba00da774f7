"""The viewer's heads: closed, facing outwards, textured as before."""

import base64
import gzip

import numpy as np
from tests.page.simulated import sphere

from ffhq_uv.page.head import HEIGHT, closed, holes, positions, topology


def unpacked(text: str, type: type) -> np.ndarray:
    planes = np.frombuffer(gzip.decompress(base64.b64decode(text)), np.uint8)
    return np.ascontiguousarray(planes.reshape(np.dtype(type).itemsize, -1).T).view(type).reshape(-1)


def closed_sphere() -> tuple[np.ndarray, np.ndarray, dict]:
    """Positions, triangles of vertices, and the topology of the ball with both its holes closed."""
    vertices, uv, triangles, triangles_uv = sphere()
    sent = topology(triangles, triangles_uv, uv, len(vertices))
    corners = unpacked(sent["vertex"], np.uint16)[unpacked(sent["index"], np.uint16)].reshape(-1, 3).astype(int)
    return closed(vertices, holes(triangles, triangles_uv)), corners, sent


def test_every_edge_of_a_closed_head_has_two_triangles_that_agree() -> None:
    points, triangles, sent = closed_sphere()
    assert sent["vertices"] == len(points) == triangles.max() + 1
    edges = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    once = {tuple(edge) for edge in edges.tolist()}
    assert len(once) == len(edges)
    assert all((b, a) in once for a, b in once)


def test_the_domes_stand_outwards_and_are_as_high_as_said() -> None:
    vertices, _, triangles, triangles_uv = sphere()
    found = holes(triangles, triangles_uv)
    assert len(found.rims) == 2
    points, faces, _ = closed_sphere()
    a, b, c = (points[faces[:, k]].astype(float) for k in range(3))
    volume = (np.cross(a, b) * c).sum() / 6
    assert 3.5 < volume < 4 / 3 * np.pi
    lowest = vertices[:, 1].min()
    assert lowest - points[:, 1].min() == np.float32(HEIGHT * np.sin(2.6)) or np.isclose(
        lowest - points[:, 1].min(), HEIGHT * np.sin(2.6), rtol=1e-3
    )


def test_the_mesh_keeps_its_texture_and_a_dome_takes_its_rims() -> None:
    vertices, uv, triangles, triangles_uv = sphere()
    sent = topology(triangles, triangles_uv, uv, len(vertices))
    index = unpacked(sent["index"], np.uint16)
    texels = unpacked(sent["uv"], np.uint16).reshape(-1, 2)[index] / 65535
    own = 3 * len(triangles)
    np.testing.assert_allclose(texels[:own, 0], uv[triangles_uv.ravel(), 0], atol=1e-5)
    np.testing.assert_allclose(texels[:own, 1], 1 - uv[triangles_uv.ravel(), 1], atol=1e-5)
    rims = np.concatenate([coordinates for _, coordinates in holes(triangles, triangles_uv).rims])
    assert {tuple(t) for t in texels[own:].round(4).tolist()} <= {
        (round(float(u), 4), round(1 - float(v), 4)) for u, v in uv[rims]
    }


def test_positions_come_back_to_a_sixty_thousandth() -> None:
    points, _, _ = closed_sphere()
    sent = positions(points)
    low, high = np.array(sent["low"]), np.array(sent["high"])
    back = low + unpacked(sent["positions"], np.uint16).reshape(-1, 3) / 65535 * (high - low)
    np.testing.assert_allclose(back, points, atol=2e-5)
