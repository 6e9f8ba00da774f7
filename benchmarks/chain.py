"""From codes to maps at 1024 with random published checkpoints: ours, ours of another time, and a plain reading.

    PYTHONPATH=.:benchmarks python benchmarks/chain.py [--before FOLDER] [--rounds 3]

Of a sample three faces are drawn by StyleGAN2 (config-f), looked at by dlib, Deep3D and face parsing, and made into a
map by the published recipe, which is measured and written as PNG. Random networks draw no faces, in which dlib's
detectors search for seconds: what is looked at and textured is a person of the studio, in place of what was drawn. The
plain reading is NVIDIA's formulation, the eager networks as published, the texture recipe step by step, and Pillow;
landmarks, crops and the head's placement are ours in all. It runs as it is, half of it page faults, and with freed
memory kept, as ours always does ("tuned"). Every variant is a process of its own with one thread, as a worker of the
pipeline is; they take turns, and the least processor time of the rounds counts. ``--before`` is a checkout of this
repository as it once was.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parents[1]
OVERRIDES = [
    "generator=stylegan2",
    "generator.compile=true",
    "generator.noise=checkpoint",
    "generator.checkpoint=checkpoints/f.safetensors",
    "analysis=deep3d",
    "analysis.landmarks.fallback=mean",
    "texture.size=1024",
    "checkpoints=checkpoints",
]
VARIANTS = {
    "plain reading": ["plain"],
    "plain reading, tuned allocator": ["tuned"],
    "before, float32": ["before"],
    "before, bfloat16": ["before", "generator.precision=bfloat16", "analysis.precision=bfloat16"],
    "float32": ["ours"],
    "bfloat16 faces": ["ours", "generator.precision=bfloat16"],
    "bfloat16 analysis": ["ours", "analysis.precision=bfloat16"],
    "bfloat16": ["ours", "generator.precision=bfloat16", "analysis.precision=bfloat16"],
}
YARDSTICKS = ("plain reading", "plain reading, tuned allocator", "before, float32")

Run = Callable[[], dict[str, float]]
"""A sample; the processor seconds of each phase."""


def prepare(folder: Path) -> None:
    """Checkpoints and assets below ``folder``."""
    sys.path[:0] = [str(HERE / "tests"), str(HERE / "tests/generator")]
    import numpy as np
    from stylegan2_files import CONFIG_F, random_generator

    from ffhq_uv.generator.stylegan2 import write_checkpoint
    from ffhq_uv.generator.stylegan2.checkpoints import Checkpoint
    from ffhq_uv.studio.assets import write_assets
    from random_checkpoints import write
    from studio_landmarks import people

    assets = folder / "data/archives/topo_assets"
    write(folder / "checkpoints")
    write_assets(assets)
    np.save(folder / "faces.npy", people(assets, range(100, 101), 1024).faces[0].numpy())
    tensors = random_generator(CONFIG_F, mapping_layers=8)
    write_checkpoint(folder / "checkpoints/f.safetensors", Checkpoint(tensors, "random"))


def ours(overrides: list[str]) -> Run:
    """The chain of the package that is imported, with the PNG."""
    from dataclasses import replace

    import numpy as np
    import torch

    from ffhq_uv.archive.writing import encode_png
    from ffhq_uv.chain.chain import build
    from ffhq_uv.config import read
    from ffhq_uv.shards.phases import phase, take_spans

    chain = build(read([*OVERRIDES, *overrides]))
    codes = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 18, 512)).astype(np.float32))
    faces, draw = torch.from_numpy(np.load("faces.npy"))[None], chain.generator

    def drawn(codes: torch.Tensor, ids: Sequence[str]) -> tuple[torch.Tensor, list[str | None]]:
        pictures, reasons = draw(codes, ids)
        assert pictures.shape == faces.shape
        return faces, reasons

    chain = replace(chain, generator=drawn)

    def run() -> dict[str, float]:
        take_spans()
        (sample,) = chain.samples(codes, ["000000"], [None])
        assert sample.texture is not None, sample.reason
        with phase("encode"):
            encode_png(sample.texture)
        return {name: end - begin for name, begin, end in map(tuple, take_spans())}

    return run


def plain(*, tuned: bool) -> Run:
    """All as it is described, nothing tuned; but for the allocator, where ``tuned``."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.nn import functional

    from ffhq_uv.analysis import deep3d, parsing
    from ffhq_uv.analysis.deep3d_network import load_deep3d
    from ffhq_uv.generator.stylegan2.checkpoints import read_checkpoint
    from ffhq_uv.networks import inference, read_state, with_weights
    from ffhq_uv.texture.topology import load_topology
    from stylegan2_straight import synthesize
    from texture_reference import published_recipe

    if not tuned:
        deep3d.keep_freed_memory = deep3d.return_freed_memory = lambda: False
    checkpoints, assets = Path("checkpoints"), Path("data/archives/topo_assets")
    parameters = {
        name.removeprefix("synthesis."): value
        for name, value in read_checkpoint(checkpoints / "f.safetensors").tensors.items()
        if name.startswith("synthesis.")
    }
    topology = load_topology(assets, 1024)
    analysis = deep3d.Deep3DAnalysis(checkpoints, assets, device="cpu", fallback="mean")
    path = checkpoints / deep3d.PARSING
    network = with_weights(parsing.BiSeNet, read_state(path), path).to(memory_format=torch.contiguous_format)

    def parse(faces: torch.Tensor) -> torch.Tensor:
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (parsing.MEAN, parsing.STD))
        found = []
        for face in faces.movedim(3, 1).float():
            levels = parsing.resized(face[None], 512, 512).floor() / 255
            scores = network(((levels - mean) / std).contiguous())
            found.append(functional.interpolate(scores, size=faces.shape[1:3], mode="bilinear").argmax(1))
        return torch.cat(found).to(torch.uint8)

    analysis._parser = parse  # type: ignore[assignment]
    analysis._network = load_deep3d(checkpoints / deep3d.DEEP3D).to(memory_format=torch.contiguous_format)
    codes = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 18, 512)).astype(np.float32))
    faces = torch.from_numpy(np.load("faces.npy"))[None]

    def run() -> dict[str, float]:
        times = [time.process_time()]
        with inference():
            images = torch.cat([synthesize(parameters, code[None]) for code in codes])
            pictures = (images * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()[None]
            assert pictures.shape == faces.shape
            times.append(time.process_time())
            found = analysis(faces, codes[None], ["000000"])
        times.append(time.process_time())
        tensors = (faces, found.xy, found.normals, found.skin)
        texture, _ = published_recipe(topology, *(tensor[0].numpy() for tensor in tensors))
        times.append(time.process_time())
        Image.fromarray(texture).save(io.BytesIO(), "PNG")
        times.append(time.process_time())
        return dict(zip(("generate", "analyse", "texture", "encode"), np.diff(times), strict=True))

    return run


def worker(variant: str) -> None:
    """Make a sample for every line; answer with what it took."""
    from ffhq_uv.engine.worker import one_thread

    one_thread()
    kind, *overrides = VARIANTS[variant]
    run = ours(overrides) if kind in ("before", "ours") else plain(tuned=kind == "tuned")
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        began, wall = time.process_time(), time.perf_counter()
        phases = run()
        cpu, wall = time.process_time() - began, time.perf_counter() - wall
        shares = {name: seconds / sum(phases.values()) for name, seconds in phases.items()}
        print(f"{cpu} {wall}", *(f"{name}={share:.2f}" for name, share in shares.items()), flush=True)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="a checkout of this repository as it once was")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker)
        return
    variants = [name for name in options.only if options.before or not name.startswith("before")]
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        running = {}
        for name in variants:
            source = options.before.resolve() if name.startswith("before") else HERE
            path = os.pathsep.join(map(str, (source / "src", HERE / "benchmarks", HERE)))
            command = [sys.executable, __file__, "--worker", name]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            running[name] = subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, **pipes)
            assert running[name].stdout.readline() == "ready\n"
        taken: dict[str, list[tuple[float, float, list[str]]]] = {name: [] for name in variants}
        for _ in range(options.rounds):
            for name, process in running.items():
                process.stdin.write("\n")
                process.stdin.flush()
                cpu, wall, *shares = process.stdout.readline().split()
                taken[name].append((float(cpu), float(wall), shares))
        for process in running.values():
            process.communicate()
    least = {name: min(rows) for name, rows in taken.items()}
    yardsticks = [name for name in YARDSTICKS if name in least]
    print(f"load average {os.getloadavg()[0]:.1f}\n")
    print("| a sample | core seconds |", *(f"times as fast as {name} |" for name in yardsticks), "shares |")
    print("|---|---|---|", *("---|" for _ in yardsticks), sep="")
    for name, (cpu, _, shares) in least.items():
        ratios = (f"{least[yardstick][0] / cpu:.2f} |" for yardstick in yardsticks)
        print(f"| {name} | {cpu:.2f} |", *ratios, f"{' '.join(shares)} |")


if __name__ == "__main__":
    main()
