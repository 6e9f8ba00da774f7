"""Time of one 1024 x 1024 face of config-f (random weights), ours against a straight reading, in one interleaved run.

python benchmarks/stylegan2.py [--rounds 7] [--threads 2] [--size 1024]

Every variant is a process of its own, because the allocator is set up for a process; they draw in turn, one image at a
time. Wall time (median and least), processor time and page faults are per image; differences are to the straight
reading, on [-1, 1] for float32 and in grey levels for the bytes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

VARIANTS = {
    "straight reading, default allocator": "straight",
    "straight reading, tuned allocator": "straight tuned",
    "ours, float32": "float32",
    "ours, float32, compile": "float32 compile",
    "ours, bfloat16, compile": "bfloat16 compile",
}


def random_parameters(size: int):  # type: ignore[no-untyped-def]
    """Parameters of a synthesis network of config-f's widths, images about as bright as real ones."""
    import torch

    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * scale

    parameters, inputs, side = {}, 512, 4
    while side <= size:
        outputs = min(32768 // side, 512)
        if side == 4:
            parameters["b4.const"] = normal(outputs, 4, 4)
        layers = [] if side == 4 else [("conv0", inputs, outputs, 3)]
        for layer, wide, out, kernel in [*layers, ("conv1", outputs, outputs, 3), ("torgb", outputs, 3, 1)]:
            name = f"b{side}.{layer}"
            parameters[f"{name}.weight"] = normal(out, wide, kernel, kernel, scale=0.25 if kernel == 1 else 1)
            parameters[f"{name}.affine.weight"] = normal(wide, 512)
            parameters[f"{name}.affine.bias"] = torch.ones(wide)
            parameters[f"{name}.bias"] = normal(out, scale=0.1)
            if kernel == 3:
                parameters[f"{name}.noise_const"] = normal(side, side)
                parameters[f"{name}.noise_strength"] = torch.tensor(0.1)
        inputs, side = outputs, 2 * side
    return parameters


def drawer(variant: str, size: int):  # type: ignore[no-untyped-def]
    """A function that draws a [1, 3, size, size] image of codes."""
    import torch

    from ffhq_uv.generator.stylegan2.synthesis import SynthesisNetwork
    from ffhq_uv.networks.allocator import keep_freed_memory
    from ffhq_uv.networks.native import native

    if variant != "straight":
        keep_freed_memory()
    parameters = random_parameters(size)
    if variant.startswith("straight"):
        from stylegan2_straight import synthesize

        return lambda codes: synthesize(parameters, codes)
    precision, _, compile = variant.partition(" ")
    channels = {4 << step: min(8192 >> step, 512) for step in range(size.bit_length() - 2)}
    network = SynthesisNetwork(channels)
    network.load_state_dict(parameters)
    return network.prepare(getattr(torch, precision), native() if compile else None)


def worker(variant: str, threads: int, size: int, connection: Connection) -> None:
    """Draw an image for every message; answer with what it took."""
    import torch

    torch.set_num_threads(threads)
    start = time.perf_counter()
    draw: Callable[[torch.Tensor], torch.Tensor] = drawer(variant, size)
    latents = 2 * (size.bit_length() - 2)
    codes = torch.randn(1, latents, 512, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        image = draw(codes)
        connection.send((time.perf_counter() - start, image.numpy()))
        while connection.recv():
            before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
            draw(codes)
            wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            connection.send((wall, cpu, after.ru_minflt - before.ru_minflt, after.ru_maxrss))


def main() -> None:
    """Run every variant that this processor can, and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=1024)
    options = parser.parse_args()
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    variants = dict(VARIANTS)
    if "avx512_bf16" not in flags.split():
        del variants["ours, bfloat16, compile"]
        print("bfloat16 left out: this processor has no instructions for it (avx512_bf16)\n")
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for title, variant in variants.items():
        pipes[title], there = context.Pipe()
        processes.append(context.Process(target=worker, args=(variant, options.threads, options.size, there)))
        processes[-1].start()
        there.close()
        pipes[title] = (pipes[title], *pipes[title].recv())
    taken = {title: [] for title in pipes}
    for _ in range(options.rounds):
        for title, (pipe, _, _) in pipes.items():
            pipe.send(True)
            taken[title].append(pipe.recv())
    for pipe, _, _ in pipes.values():
        pipe.send(False)
    for process in processes:
        process.join()

    def image_bytes(image):  # type: ignore[no-untyped-def]
        return (image * 127.5 + 128).clip(0, 255).astype("uint8").astype(float)

    reference = pipes["straight reading, tuned allocator"][2]
    medians = {title: statistics.median(wall for wall, *_ in rows) for title, rows in taken.items()}
    default, tuned = (medians[f"straight reading, {name} allocator"] for name in ("default", "tuned"))
    print(f"{options.threads} threads, load average {os.getloadavg()[0]:.1f}\n")
    print("| variant | ms (least) | CPU ms | faults | peak MB | ready s | vs default | vs tuned | max diff | grey |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for title, rows in taken.items():
        least = min(wall for wall, *_ in rows)
        cpu, faults = (statistics.median(row[column] for row in rows) for column in (1, 2))
        difference = abs(pipes[title][2] - reference).max()
        grey = abs(image_bytes(pipes[title][2]) - image_bytes(reference)).mean()
        print(
            f"| {title} | {1e3 * medians[title]:.0f} ({1e3 * least:.0f}) | {1e3 * cpu:.0f} | {faults:,.0f} "
            f"| {max(row[3] for row in rows) / 1024:.0f} | {pipes[title][1]:.0f} | {default / medians[title]:.2f} "
            f"| {tuned / medians[title]:.2f} | {difference:.1e} | {grey:.3f} |"
        )


if __name__ == "__main__":
    main()
