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

from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.geometry import VIEWS
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
    lines = (small_run / "data/ffhq-uv-interpolate/metadata.jsonl").read_text().splitlines()
    records = {record["id"]: record for record in map(json.loads, lines)}
    for id, record in records.items():
        assert record.pop("file_name") == f"uv-maps/000/{id}.png"
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
                else:
                    with Archives(small_run / "data/ffhq-uv-interpolate") as archives:
                        places = [f"face-latents/000.zip!{id}/{id}_{view}_latent.pt" for view in VIEWS]
                        expected = [decode_latent(archives.read(place), place) for place in places]
                    found = np.load(io.BytesIO(content), allow_pickle=False)
                    np.testing.assert_array_equal(found, np.stack(expected), strict=True)
    kinds = ("png", "json", "codes.npy")
    assert names == [f"{number:06d}.{kind}" for number in range(24) for kind in kinds]
