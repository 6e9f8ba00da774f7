"""The C++ kernel of `winograd.cpp`: built once for this machine, found again by every later process."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import math
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ffhq_uv.generator.stylegan2.winograd import winograd_kernel

SOURCE = Path(__file__).with_name("winograd.cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-shared", "-fPIC")
LARGEST_STRIP = 32
"""Tiles that are transformed together; theirs and the kernel's share of a point fit the caches of a core."""


class NativeWinograd:
    """The built kernel. Raises RuntimeError without a C++ compiler, or where the build computes something else."""

    def __init__(self) -> None:
        library = ctypes.CDLL(str(_built()))
        library.lanes.restype = ctypes.c_long
        self.lanes: int = library.lanes()
        self._convolve = library.convolve
        self._convolve.argtypes = [*[ctypes.c_void_p] * 6, *[ctypes.c_long] * 5, ctypes.c_float, *[ctypes.c_long] * 3]
        self._convolve.restype = None
        self._check()

    def fits(self, inputs: int, outputs: int) -> bool:
        """Whether it can convolve between these numbers of channels (outputs of an up-convolution: in all phases)."""
        return inputs % self.lanes == 0 and outputs % (2 * self.lanes) == 0

    def __call__(
        self, x: Tensor, kernel: Tensor, noise: Tensor, bias: Tensor, *, up: int = 1, slope: float = 0.2
    ) -> Tensor:
        """Convolve, add noise and bias, leaky ReLU.

        x           float32 [1, I, H, W], channels last in memory
        kernel      float32 [36, I, up * up * O], a `winograd_kernel`; the phase (row, column) is the outer channel
        noise       float32 [up * H, up * W]
        bias        float32 [O]

        Returns float32 [1, O, up * H, up * W], channels last in memory. Uses as many threads as torch does.
        """
        _, inputs, height, width = x.shape
        outputs, channels = kernel.shape[2], kernel.shape[2] // up**2
        x, kernel = x.contiguous(memory_format=torch.channels_last), kernel.contiguous()
        noise, bias = noise.contiguous(), bias.contiguous()
        out = torch.empty(1, up * height, up * width, channels).permute(0, 3, 1, 2)
        strip = math.gcd(LARGEST_STRIP, width // 4)
        scratch = torch.empty(torch.get_num_threads(), 36 * strip * (inputs + outputs) + 6 * (4 * strip + 2) * inputs)
        tensors = [each.data_ptr() for each in (x, kernel, noise, bias, out)]

        def rows(thread: int) -> None:  # every n-th row of tiles: the threads end together
            for row in range(thread, height // 4, len(scratch)):
                sizes = (height, width, inputs, outputs, up, slope, strip, row, row + 1)
                self._convolve(*tensors, scratch[thread].data_ptr(), *sizes)

        list(_threads(len(scratch)).map(rows, range(len(scratch))))
        return out

    def _check(self) -> None:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(1, 2 * self.lanes, 8, 72, generator=generator)
        weight = torch.randn(2 * self.lanes, 2 * self.lanes, 3, 3, generator=generator)
        noise, bias = torch.randn(8, 72, generator=generator), torch.randn(2 * self.lanes, generator=generator)
        expected = F.leaky_relu(F.conv2d(x, weight, bias, padding=1) + noise, 0.2)
        if not torch.allclose(self(x, winograd_kernel(weight), noise, bias), expected, atol=1e-3):
            raise RuntimeError(f"{SOURCE.name} computes something else here than torch; set compile: false")


@functools.cache
def native_winograd() -> NativeWinograd:
    """The kernel, built or found (some three seconds once for a machine)."""
    return NativeWinograd()


@functools.cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "winograd")


def _built() -> Path:
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))), None)
    if compiler is None:
        raise RuntimeError("compile: true needs a C++ compiler on a CPU; install g++ or clang++, or set compile: false")
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(b"\0".join([SOURCE.read_bytes(), " ".join(FLAGS).encode(), version, _processor()])).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ffhq_uv"
    library = cache / f"winograd-{key[:16]}.so"
    if not library.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:  # renamed when complete: processes may build at once
            built = Path(folder, library.name)
            done = subprocess.run([compiler, *FLAGS, str(SOURCE), "-o", str(built)], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{compiler} cannot build {SOURCE.name}: {done.stderr.strip().splitlines()[:1]}")
            os.replace(built, library)
    return library


def _processor() -> bytes:
    """What ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "".join(
            sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
        ).encode()
    except OSError:
        return platform.processor().encode()
