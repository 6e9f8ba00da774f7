from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ffhq_uv.texture.mesh import read_obj

QUAD = """# a square, in two ways of counting
v 0 0 0 1 1 1
v 1 0 0
vt 0 0
vt 1 0 0
vn 0 0 1
v 1 1 0
v 0 1 0
vt 1 1
vt 0 1
usemtl skin
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mesh.obj"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "face", ["f 1/1/1 2/2/1 3/3/1 4/4/1", "f -4/-4 -3/-3 -2/-2 -1/-1", "f 1/1 2/2 3/3\r\nf 1/1 3/3 4/4\r"]
)
def test_polygons_are_fans_whatever_the_indices_count_from(tmp_path: Path, face: str) -> None:
    mesh = read_obj(written(tmp_path, QUAD + face + "\n"))
    assert mesh.triangles.tolist() == mesh.triangles_uv.tolist() == [[0, 1, 2], [0, 2, 3]]
    np.testing.assert_array_equal(mesh.vertices[:, :2], mesh.uv)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("f 1 2 3", "line 12: corner '1' has no UV coordinate"),
        ("f 1//1 2//1 3//1", "no UV coordinate"),
        ("f 1/1 2/2 9/3", "9 of 4 vertices"),
        ("f 1/1 2/2 0/3", "0 of 4 vertices"),
        ("f 1/1 2/2 -5/3", "-5 of 4 vertices"),
        ("f 1/1 2/2 3/9", "9 of 4 UV coordinates"),
        ("f a/b c/d e/f", "line 12"),
        ("v 1 nan 2", "not 3 finite numbers"),
        ("v 1e39 0 0", "not 3 finite numbers"),  # not in float32
        ("v " + "1" * 100_000, "longer than 65,536 characters"),
        ("v 0 " + "x" * 50_000, "line 12"),
        ("vt 1", "not 2 finite numbers"),
        ("vt 0 1.5\nf 1/1 2/2 3/5", r"from 0 to 1\.5, expected 0\.\.1"),
        ("g nothing", "no face"),
        ("f 1/1 2/2", "no face"),
    ],
)
def test_what_is_no_mesh_with_uvs_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_obj(written(tmp_path, QUAD + line + "\n"))
    assert "mesh.obj" in str(caught.value)
    assert len(str(caught.value)) < 500
