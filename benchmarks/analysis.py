"""How long the networks that look at a face take, and how much memory: for planning a run.

    python benchmarks/analysis.py [--rounds 5]

Random weights in the published containers, for a random head of the published sizes (20,481 vertices, 532 + 45
coefficients); a studio face of 1024 x 1024. Every row is a process of its own that computes with one thread, as a
worker of the pipeline does, and includes all that the stages do around the network (resizing, cropping, alignment).
Printed per face, or per sample of three views: the least process time of one alone and of eight in a batch, and the
process's peak memory (resident set) after the batch.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ffhq_uv.analysis.deep3d import DEEP3D, MODEL, PARSING, Deep3DAnalysis
from ffhq_uv.analysis.deep3d_network import load_deep3d
from ffhq_uv.analysis.landmark_files import LANDMARKS
from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.analysis.parsing import FaceParser
from ffhq_uv.engine.worker import one_thread
from ffhq_uv.networks import Precision, folded, inference, quickened
from ffhq_uv.quality.arcface import ArcFace
from ffhq_uv.quality.dpr_light import DprLight
from ffhq_uv.quality.face_crop import TEMPLATE
from ffhq_uv.quality.recogniser import ExpressionRecogniser
from ffhq_uv.studio.assets import write_assets
from random_checkpoints import write
from studio_landmarks import people

VERTICES, TRIANGLES, IDENTITY, EXPRESSION = 20_481, 40_832, 532, 45
FACE = 1024
BATCH = 8

Run = Callable[[int], Any]
"""Does the row's work for so many faces, or samples."""


def prepare(folder: Path) -> None:
    """Checkpoints, assets and a face below ``folder``."""
    write(folder, IDENTITY, EXPRESSION)
    assets = folder / "topo_assets"
    write_assets(assets)
    np.save(folder / "faces.npy", people(assets, range(100, 101), FACE).faces[0].numpy())
    rng = np.random.default_rng(0)
    scipy.io.savemat(
        assets / MODEL,
        {
            "meanshape": rng.uniform(-1, 1, (1, 3 * VERTICES)).astype(np.float32),
            "idBase": rng.normal(0, 0.01, (3 * VERTICES, IDENTITY)).astype(np.float32),
            "exBase": rng.normal(0, 0.01, (3 * VERTICES, EXPRESSION)).astype(np.float32),
            "head_tri": rng.integers(1, VERTICES + 1, (TRIANGLES, 3)),
            "point_buf": rng.integers(1, TRIANGLES + 1, (VERTICES, 8)),
            "keypoints": rng.integers(1, VERTICES + 1, (1, 68)),
        },
    )


def nothing(folder: Path, faces: torch.Tensor) -> Run:
    return lambda count: None


def landmarks(folder: Path, faces: torch.Tensor) -> Run:
    find, picture = DlibLandmarks(folder / LANDMARKS), faces[1].numpy()
    return lambda count: [find(picture) for _ in range(count)]


def coefficients(folder: Path, faces: torch.Tensor) -> Run:
    network = quickened(folded(load_deep3d(folder / DEEP3D)), torch.device("cpu"), channels=128)
    crops = torch.rand(BATCH, 3, 224, 224)

    def run(count: int) -> object:
        with inference():
            return network.coefficients(crops[:count])

    return run


def parsing(folder: Path, faces: torch.Tensor) -> Run:
    parse = FaceParser(folder / PARSING, "cpu")
    return lambda count: parse(faces[1:2].expand(count, -1, -1, -1))


def analysis(folder: Path, faces: torch.Tensor, precision: Precision = "float32") -> Run:
    analyse = Deep3DAnalysis(folder, folder / "topo_assets", device="cpu", precision=precision)

    def run(count: int) -> None:
        geometry = analyse(faces.expand(count, *faces.shape), torch.zeros(count, 3, 18, 512), ["000000"] * count)
        assert geometry.reasons == (None,) * count, geometry.reasons

    return run


def expression(folder: Path, faces: torch.Tensor) -> Run:
    recognise = ExpressionRecogniser(folder / "exprecog_model/FacialExpRecognition_model.t7", "cpu")
    return lambda count: recognise(faces[1:2].expand(count, -1, -1, -1))


def identity(folder: Path, faces: torch.Tensor) -> Run:
    embed = ArcFace(folder / "arcface_model/ms1mv3_arcface_r50_fp16_backbone.pth", "cpu")
    points = torch.tensor(TEMPLATE) * 5 + 230
    return lambda count: embed(faces[1:2].expand(count, -1, -1, -1), points.expand(count, -1, -1))


def light(folder: Path, faces: torch.Tensor) -> Run:
    estimate = DprLight(folder / "dpr_model/trained_model_03.t7", "cpu")
    return lambda count: estimate(faces[1:2].expand(count, -1, -1, -1))


ROWS: dict[str, tuple[str, Callable[[Path, torch.Tensor], Run]]] = {
    "nothing": ("Python, torch and three faces", nothing),
    "landmarks": ("dlib: detector and 68 landmarks", landmarks),
    "coefficients": ("Deep3D (ResNet-50), a crop of 224", coefficients),
    "parsing": ("face parsing (BiSeNet at 512), classes at 1024", parsing),
    "expression": ("expression recogniser (VGG19 at 44, twice)", expression),
    "identity": ("ArcFace (IResNet-50 at 112)", identity),
    "light": ("DPR light at 512", light),
    "analysis": ("`analysis=deep3d`: a sample of three views", analysis),
    "rounded": ("the same, `analysis.precision=bfloat16`", partial(analysis, precision="bfloat16")),
}


def peak_memory() -> float:
    """The most that this process held, MB. (``ru_maxrss`` counts what its parent held when it started it.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def measure(name: str, folder: Path, rounds: int) -> str:
    """A row of the table."""
    one_thread()
    title, make = ROWS[name]
    run = make(folder, torch.from_numpy(np.load(folder / "faces.npy")))
    run(1)
    times: dict[int, list[float]] = {1: [], BATCH: []}
    for count, taken in times.items():
        for _ in range(rounds if count == 1 else max(2, rounds // 2)):
            start = time.process_time()
            run(count)
            taken.append(1000 * (time.process_time() - start) / count)
    one, many = map(min, times.values())
    times_taken = "– | –" if name == "nothing" else f"{one:.0f} | {many:.0f}"
    return f"| {title} | {times_taken} | {peak_memory():.0f} |"


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--row", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(measure(options.row[0], Path(options.row[1]), options.rounds))
        return
    with tempfile.TemporaryDirectory() as scratch:
        prepare(Path(scratch))
        print(f"one thread, load average {os.getloadavg()[0]:.1f}\n")
        print(f"| | ms, one alone | ms, {BATCH} in a batch | peak MB |")
        print("|---|---|---|---|", flush=True)
        for name in ROWS:
            command = [sys.executable, __file__, "--rounds", str(options.rounds), "--row", name, scratch]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
