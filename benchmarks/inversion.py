"""How long the e4e encoder takes beside the plain PyTorch reading of the same weights, and how much memory.

    python benchmarks/inversion.py [--rounds 5]

Random weights in the published container; one face of 256 x 256; one thread, as a worker of the pipeline has. Both
are run in turns in one process, with the allocator that keeps freed memory (`networks.allocator`), and the
least process time of the rounds counts. The peak memory is that of a process of its own that reads the container, with
the encoder alone, and encodes eight faces.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/inversion"))

import e4e_by_rule

from analysis import peak_memory
from ffhq_uv.engine.worker import one_thread
from ffhq_uv.inversion.e4e import E4EEncoder
from ffhq_uv.inversion.e4e_network import Encoder4Editing
from ffhq_uv.networks import inference
from ffhq_uv.networks.allocator import keep_freed_memory


def seconds(function: Callable[[], object]) -> float:
    """Process time of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def whole_state() -> dict[str, torch.Tensor]:
    """Every entry with memory of its own, as in the published file: a gigabyte."""
    return {name: value.clone() for name, value in e4e_by_rule.quick_state().items()}


def compare(path: Path, rounds: int) -> None:
    """Print both times, their ratio, and how far the codes are apart."""
    keep_freed_memory()
    plain = Encoder4Editing().eval().requires_grad_(False)
    plain.load_state_dict(whole_state())
    encoder = E4EEncoder(path, "cpu")
    face = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with inference():
        expected = plain(face) + e4e_by_rule.average()
        difference = (encoder.of_pixels(face) - expected).abs().max().item()
        times = [(seconds(lambda: plain(face)), seconds(lambda: encoder.of_pixels(face))) for _ in range(rounds)]
    straight, ours = (min(column) for column in zip(*times, strict=True))
    apart = f"codes up to {expected.abs().max():.0f} differ by at most {difference:.1e}"
    print(f"plain {straight:.3f} s, ours {ours:.3f} s: {ours / straight:.2f} of it; {apart}")


def remember(path: Path) -> None:
    """Print the peak memory of reading the container and encoding."""
    encoder = E4EEncoder(path, "cpu")
    read = peak_memory()
    encoder(torch.zeros(8, 256, 256, 3, dtype=torch.uint8))
    print(f"peak memory {peak_memory() / 1024:.2f} GiB ({read / 1024:.2f} once the file was read)")


def main() -> None:
    """Compare, then measure the memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    one_thread()
    if options.memory_of:
        remember(options.memory_of)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = e4e_by_rule.write(Path(folder, "e4e_ffhq_encode.pt"), whole_state())
        compare(path, options.rounds)
        subprocess.run([sys.executable, __file__, "--memory-of", str(path)], check=True)


if __name__ == "__main__":
    main()
