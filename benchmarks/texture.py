"""Time both texture recipes on the real sample 01223 against a plain reading of the published one, in one run.

    FFHQ_UV_EXAMPLE=... python benchmarks/texture.py [--repeats 5] [--threads 2]

All are timed in turns, so that a busy machine is busy for all; the least time of each counts. "With PNG"
adds reading the three faces and writing the map: the plain reading as Pillow does by default, ours as the
pipeline does.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.formats.png import encode_png, read_png
from ffhq_uv.geometry import VIEWS
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import load_topology
from texture_reference import published_recipe

ID = "01223"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    example = Path(os.environ["FFHQ_UV_EXAMPLE"])
    files = [(example / "dataset_project" / "edit" / ID / f"{ID}_{view}.png").read_bytes() for view in VIEWS]
    assets = example / "stand_in_topo_assets"
    topology = load_topology(assets, 1024)
    faces = decode(files)
    geometry = RecordedAnalysis(example, assets)(faces, torch.zeros(1, 3, 18, 512), [ID])
    one = PublishedTexturer(topology)
    many = PublishedTexturer(topology, arguments.threads)
    faithful = FaithfulTexturer(topology)
    faithful_many = FaithfulTexturer(topology, arguments.threads)
    batch = faces.expand(2 * arguments.threads, -1, -1, -1, -1), geometry.select([0] * 2 * arguments.threads)

    def plain(images: torch.Tensor) -> np.ndarray:
        tensors = (images, geometry.xy, geometry.normals, geometry.skin)
        return published_recipe(topology, *(tensor[0].numpy() for tensor in tensors))[0]

    def plain_with_png() -> None:
        images = np.stack([np.array(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
        Image.fromarray(plain(torch.from_numpy(images)[None])).save(io.BytesIO(), "PNG")

    def ours_with_png() -> None:
        encode_png(many(decode(files), geometry).maps[0].numpy())

    def all_with_png() -> None:
        with ThreadPoolExecutor(arguments.threads) as pool:
            list(pool.map(lambda _: ours_with_png(), range(len(batch[0]))))

    one(faces, geometry)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    cases: dict[str, tuple[Callable[[], object], int]] = {
        "plain reading": (lambda: plain(faces), 1),
        "published, 1 thread": (lambda: one(*batch), len(batch[0])),
        f"published, {arguments.threads} threads": (lambda: many(*batch), len(batch[0])),
        "faithful, 1 thread": (lambda: faithful(*batch), len(batch[0])),
        f"faithful, {arguments.threads} threads": (lambda: faithful_many(*batch), len(batch[0])),
        "plain reading, with PNG": (plain_with_png, 1),
        "published, 1 thread, with PNG": (ours_with_png, 1),
        f"published, {arguments.threads} threads, with PNG": (all_with_png, len(batch[0])),
    }
    best = timed(cases, arguments.repeats)
    print(f"{'':32} {'wall ms':>9} {'ratio':>6} {'CPU ms':>9} {'ratio':>6}   a sample")
    for name, (wall, cpu) in best.items():
        yardstick = best["plain reading, with PNG" if "PNG" in name else "plain reading"]
        ratios = yardstick[0] / wall, yardstick[1] / cpu
        print(f"{name:32} {1000 * wall:9.1f} {ratios[0]:6.1f} {1000 * cpu:9.1f} {ratios[1]:6.1f}")
    print(f"peak memory of the process after one sample, published: {memory:.0f} MiB")
    for size in (256, 512):
        small = PublishedTexturer(load_topology(assets, size))
        wall, cpu = timed({"": (lambda small=small: small(faces, geometry), 1)}, arguments.repeats)[""]
        print(f"published, 1 thread, map of {size}: {1000 * wall:.1f} ms, CPU {1000 * cpu:.1f} ms")


def decode(files: list[bytes]) -> torch.Tensor:
    return torch.from_numpy(np.stack([read_png(file, ID) for file in files]))[None]


def timed(cases: dict[str, tuple[Callable[[], object], int]], repeats: int) -> dict[str, tuple[float, float]]:
    """Least seconds a sample of every case, wall and CPU, run in turns after a first run that does not count."""
    best = dict.fromkeys(cases, (float("inf"), float("inf")))
    for repeat in range(repeats + 1):
        for name, (run, samples) in cases.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if repeat:
                best[name] = min(best[name][0], wall / samples), min(best[name][1], cpu / samples)
    return best


if __name__ == "__main__":
    main()
