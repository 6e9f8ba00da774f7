"""Tars of the new data set: everything in them, in a fixed order, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from tests.small_run import inside

from ffhq_uv.tools import pack


def test_tars_hold_every_sample_in_order(small_run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pack, "CHUNK", 10)
    with inside(small_run):
        assert pack.pack(tmp_path / "one").startswith("24 samples in 3 tars")
        pack.pack(tmp_path / "two")
    digests = [
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((tmp_path / name).iterdir())]
        for name in ("one", "two")
    ]
    assert digests[0] == digests[1]
    records = json.loads((small_run / "data/ffhq-uv-interpolate/meta-info.json").read_text())
    names = []
    for path in sorted((tmp_path / "one").iterdir()):
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            assert {(member.mtime, member.uid, member.gid, member.mode) for member in members} == {(0, 0, 0, 0o644)}
            names += [member.name for member in members]
            for member in members:
                content = archive.extractfile(member).read()
                id, kind = member.name.split(".", 1)
                if kind == "png":
                    source = small_run / f"data/ffhq-uv-interpolate/uv-maps/000/{id}.png"
                    assert content == source.read_bytes()
                    assert np.array(Image.open(io.BytesIO(content))).shape == (128, 128, 3)
                elif kind == "json":
                    assert json.loads(content) == records[id]
    kinds = ("png", "json", "left.pt", "front.pt", "right.pt")
    assert names == [f"{number:06d}.{kind}" for number in range(24) for kind in kinds]
