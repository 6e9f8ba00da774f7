"""CPU of moving a map to another layout, beside decoding and encoding it, in the same run; and the map of coordinates.

python benchmarks/transfer.py: the studio's head and a second layout of it, maps of 1024 texels, one thread.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np

from ffhq_uv.archive.writing import encode_png
from ffhq_uv.formats.png import read_png
from ffhq_uv.studio.assets import write_assets
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.topology import load_mesh
from ffhq_uv.transfer.correspondence import by_layouts
from ffhq_uv.transfer.resampling import Resampler

SIZE, ROUNDS = 1024, 40


def cpu(task: Callable[[], object]) -> float:
    start = time.process_time()
    task()
    return 1000 * (time.process_time() - start)


def main() -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        write_assets(Path(name))
        head = load_mesh(Path(name))
        png = (Path(name) / "template_base_uv.png").read_bytes()
    uv = (head.uv + 0.03 * np.sin(3 * head.uv[:, ::-1])) * np.float32(0.9) + np.float32(0.03)
    target = Mesh(head.vertices, uv.astype(np.float32), head.triangles, head.triangles_uv)
    by_layouts(head, target, 64, 64)  # compiles
    found = []
    print(f"coordinates, once: {cpu(lambda: found.extend(by_layouts(head, target, SIZE, SIZE)[0])):.0f} ms")
    uv_map, move = read_png(png, "map"), Resampler(found[0], SIZE)
    tasks: dict[str, Callable[[], object]] = {
        "decode PNG, OpenCV alone": lambda: cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB),
        "remap, bicubic": lambda: move(uv_map),
        "encode PNG": lambda: encode_png(uv_map),
    }
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(ROUNDS):
        for task in tasks:
            best[task] = min(best[task], cpu(tasks[task]))
    for task, milliseconds in best.items():
        print(f"{task:26} {milliseconds:6.1f} ms  {milliseconds / best['decode PNG, OpenCV alone']:.2f}")


if __name__ == "__main__":
    main()
