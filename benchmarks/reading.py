"""CPU of `FaceTextures` for a sample, beside decoding the same pictures alone, in the same run.

python benchmarks/reading.py [SAMPLES]: noisy maps of 1024 texels as folders, Parquet and tars in a temporary folder.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
import torch

from ffhq_uv import FaceTextures
from ffhq_uv.__main__ import main as ffhq_uv
from ffhq_uv.archive.writing import encode_png, encode_view_latent, sample_files, write_bytes, write_metadata, write_zip
from ffhq_uv.formats.png import read_png
from ffhq_uv.geometry import VIEWS

SIZE, ROUNDS = 1024, 9
BLOCK = 8
"""Samples that a task reads before it is another's turn."""


def write(folder: Path, samples: int) -> list[bytes]:
    """A data set of maps as hard to decode as real ones (about 1.1 MB each); their files' bytes."""
    rng = np.random.default_rng(0)
    out, maps, codes = folder / "data/ffhq-uv-interpolate", [], []
    for number in range(samples):
        smooth = cv2.resize(
            rng.uniform(60, 200, (16, 16, 3)).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
        )
        noisy = smooth + rng.normal(0, 1.2, smooth.shape)
        maps.append(encode_png(noisy.clip(0, 255).astype(np.uint8)))
        write_bytes(sample_files(out, f"{number:06d}")[0], maps[-1])
        code = encode_view_latent(rng.normal(size=(18, 512)).astype(np.float32), np.zeros(17, np.float32))
        codes += [(f"{number:06d}/{number:06d}_{view}_latent.pt", code) for view in VIEWS]
    write_zip(out / "face-latents/000.zip", codes)
    plain = {"gender": 1, "age": 30.0, "beard": 0.0, "category": "c", "note": None, "bs_error": 2.0, "light": None}
    more = {
        "bs_error_of_luma": 1.0,
        "valid_area_ratio": 1.0,
        "expression": 0.0,
        "skin_tone": 30.0,
        "skin_tone_class": "tan",
    }
    write_metadata(out, [{"id": f"{number:06d}"} | plain | more for number in range(samples)])
    return maps


def main(samples: int = 48) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    random.seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), Path.cwd()
        maps = write(folder, samples)
        os.chdir(folder)
        try:
            for command in (["publish", "out=shards", "engine=serial"], ["pack", "out=tars"]):
                assert ffhq_uv(command) == 0
            tasks: dict[str, Callable[[int], object]] = {
                "decoding alone": lambda row: read_png(maps[row], "map"),
                "decoding alone, OpenCV": lambda row: cv2.imdecode(
                    np.frombuffer(maps[row], np.uint8), cv2.IMREAD_COLOR_RGB
                ),
            }
            for place in ("data/ffhq-uv-interpolate", "shards", "tars"):
                for columns in (("image",), ("image", "codes")):
                    data = FaceTextures(place, columns)
                    tasks[f"{place}, {' + '.join(columns)}"] = data.__getitem__
                shuffled, data = np.random.default_rng(0).permutation(samples), FaceTextures(place, ("image",))
                tasks[f"{place}, image, shuffled"] = lambda row, data=data, order=shuffled: data[int(order[row])]
            least = {task: np.full(samples // BLOCK, np.inf) for task in tasks}
            for _ in range(ROUNDS):
                for block in range(samples // BLOCK):
                    for task, read in random.sample(list(tasks.items()), len(tasks)):
                        start = time.process_time()
                        for row in range(block * BLOCK, (block + 1) * BLOCK):
                            read(row)
                        least[task][block] = min(least[task][block], (time.process_time() - start) / BLOCK)
        finally:
            os.chdir(before)
    print(f"{sum(map(len, maps)) / len(maps) / 1e6:.2f} MB a map; CPU a sample, least of {ROUNDS}, in turns")
    for task, seconds in least.items():
        mean = float(seconds.mean())
        print(f"{task:45} {1000 * mean:6.2f} ms  {mean / least['decoding alone'].mean():.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
