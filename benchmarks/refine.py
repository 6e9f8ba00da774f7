"""Does `analysis.refine=landmarks` bring a head nearer to the truth, and its textures?

    FFHQ_UV_EXAMPLE=... python benchmarks/refine.py [--size 1024] [--draws 5] [--people 1] [--noise 1 2 3 4]

Heads whose true map is known (`known_heads.py`), seen by three cameras. `shape`, `other head`: fitted with another
head's shape; `exact`: with their own. The landmarks are the true ones with noise, so many pixels in x and y. Every line
is the mean of the draws: the vertices' error in the images as a share of the unrefined one (in pixels where that is
exact; median over what the views show), the error that the refinement states, PSNR in dB with what is won, and seams as
a share. Last come the published sample 01223 with the landmarks that upstream recorded, and the time.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.placement import Head as Fit
from ffhq_uv.analysis.placement import land, place
from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.analysis.refine import Refiner
from ffhq_uv.formats.png import read_png
from ffhq_uv.geometry import VIEWS, Geometry
from ffhq_uv.quality.likeness import psnr
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import load_topology
from known_heads import ID, Head, published_heads, studio_heads
from texture_truth import Truth, measure, seen

NOISES = (1.0, 2.0, 3.0, 4.0)
ROUNDS = 15


class Case:
    """A head that is taken for one of another shape.

    The fit is all in the model's mean, as if the model had no bases: the free-form part has to find everything.
    """

    def __init__(self, truth: Truth, shape: torch.Tensor) -> None:
        head = truth.head
        bases = replace(head.model, identity=head.model.identity * 0, expression=head.model.expression * 0)
        self.model = replace(bases, mean=shape, keypoints=torch.from_numpy(head.keypoints))
        zeros = (torch.zeros(3, basis.shape[1]) for basis in (self.model.identity, self.model.expression))
        empty = torch.zeros(3, 1, 1, dtype=torch.bool)
        self.fit = Fit(*zeros, head.angle, head.translation, head.alignments, empty, empty, empty)
        self.truth, self.unrefined = truth, truth.placed(head.place(shape=shape))
        self.refine = Refiner(self.model)

    def landmarks(self, noise: float, draw: int) -> NDArray[np.float64]:
        true = self.truth.geometry.xy[0][:, self.model.keypoints].double().numpy()
        return true + noise * np.random.default_rng([draw, 5]).standard_normal(true.shape)

    def refined(self, noise: float, draw: int) -> tuple[Truth, float]:
        """What is seen, and where the refined head is thought to be; and the error that is stated, pixels."""
        found = self.refine(self.fit, self.landmarks(noise, draw))
        xy, depth, normals = land(self.model, found)
        none = torch.zeros(1, 3, 0)
        assert found.error is not None
        geometry = Geometry(xy[None], depth[None], normals[None], self.truth.geometry.skin, none, none, (None,))
        placed = self.truth.placed(geometry)
        stated = replace(placed.geometry, error=found.error[None])
        return replace(placed, geometry=stated), float(found.error.mean())

    def error(self, placed: Truth) -> float:
        """Median distance of the vertices that face the cameras, pixels."""
        true = self.truth.geometry
        facing = true.normals[0, ..., 2] > 0.3
        return float((placed.geometry.xy - true.xy)[0].norm(dim=-1)[facing].median())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--people", type=int, default=1, help="of the studio")
    parser.add_argument("--noise", type=float, nargs="+", default=NOISES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1)  # as in a worker: a second thread of the BLAS only waits
    example = Path(os.environ["FFHQ_UV_EXAMPLE"])
    heads = published_heads(example, arguments.size) + studio_heads(arguments.people, arguments.size)
    print(f"{'head':14} {'case':11} {'noise':>5} {'vertices':>8} {'stated':>6}   published: dB, won, seam   faithful")
    for head in heads:
        compare(head, arguments.noise, arguments.draws)
    sample(example)
    clock(heads[0])


def compare(head: Head, noises: list[float], draws: int) -> None:
    texturers = PublishedTexturer(head.topology), FaithfulTexturer(head.topology)
    truth = seen(head)
    for name, shape in {**head.others, "exact": head.vertices}.items():
        case = Case(truth, shape)
        before = np.array([measure(texturer, case.unrefined)[:4] for texturer in texturers])
        off = case.error(case.unrefined)
        print(f"{head.name:14} {name:11} {'-':>5} {off:5.2f} px {'':6}   {line(before, before)}", flush=True)
        for noise in noises:
            found = [case.refined(noise, draw) for draw in range(draws)]
            left, stated = np.mean([case.error(placed) for placed, _ in found]), np.mean([said for _, said in found])
            after = np.mean([[measure(one, placed)[:4] for one in texturers] for placed, _ in found], axis=0)
            share = f"{left / off:8.2f}" if off else f"{left:5.2f} px"
            print(f"{'':14} {'':11} {noise:5.1f} {share} {stated:6.2f}   {line(before, after)}", flush=True)


def line(before: NDArray[np.float64], after: NDArray[np.float64]) -> str:
    parts = (f"{b[0]:6.2f} {b[0] - a[0]:+6.2f} {b[3] / a[3]:5.2f}" for a, b in zip(before, after, strict=True))
    return "      ".join(parts)


def sample(example: Path) -> None:
    """01223 on the mean head: PSNR to the published map in the face, and the coverage's overlap in every view."""
    project, assets = example / "dataset_project", example / "stand_in_topo_assets"
    saved = project / "unwrap_texture" / ID
    truth, masks = (read_png((saved / f"{ID}_final_{part}.png").read_bytes(), part) for part in ("uv", "remap_masks"))
    pictures = [project / "edit" / ID / f"{ID}_{view}.png" for view in VIEWS]
    faces = torch.from_numpy(np.stack([read_png(path.read_bytes(), path.name) for path in pictures]))[None]
    topology, published = load_topology(assets, 1024), masks > 127
    for refine in (False, True):
        geometry = RecordedAnalysis(example, assets, refine=refine)(faces, torch.zeros(1), [ID])
        for texturer in (PublishedTexturer(topology), FaithfulTexturer(topology)):
            textures = texturer(faces, geometry)
            near = psnr(textures.maps[0].numpy(), truth, published.any(-1))
            shown = np.moveaxis(textures.coverage[0].numpy(), 0, -1)
            overlap = (shown & published).sum((0, 1)) / (shown | published).sum((0, 1))
            print(f"{ID} refine={refine!s:5} {type(texturer).__name__:18} {near:5.2f} dB, coverage {overlap.round(3)}")


def clock(head: Head) -> None:
    """Processor time of one thread: the estimate, and placing a head, in turns; the least of some rounds counts."""
    case = Case(seen(head), head.others["shape"])
    landmarks = case.landmarks(2.0, 0)
    whole: MorphableModel = replace(case.model, identity=head.model.identity, expression=head.model.expression)
    refine, fit = Refiner(whole), case.fit
    refined = refine(fit, landmarks)
    steps = lambda: place(whole, fit), lambda: refine(fit, landmarks), lambda: place(whole, refined)
    times = []
    for _ in range(ROUNDS):
        ticks = [time.process_time()]
        for step in steps:
            step()
            ticks.append(time.process_time())
        times.append(np.diff(ticks))
    plain, refining, placing = 1e3 * np.min(times, 0)
    print(f"placing {plain:.1f} ms; refining {refining:.1f} ms, and placing what is refined {placing:.1f} ms")


if __name__ == "__main__":
    main()
