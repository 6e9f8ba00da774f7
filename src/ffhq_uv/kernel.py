"""How loops are compiled here: numba's kernels, and C++ where these are not fast enough."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core.compiler_lock import global_compiler_lock

P = ParamSpec("P")
R = TypeVar("R")

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-shared", "-fPIC")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over NumPy arrays: without the GIL, kept on disk, by one process while others wait for it.

    Without ``fastmath``, in plain IEEE arithmetic, so that every machine computes the same.
    """
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    lock = Path(compiled._cache.cache_path, f"{function.__module__}.{function.__qualname__}.lock")
    compile = compiled.compile

    def compile_once(signature: Any) -> Any:
        # Numba's own lock first: threads that took theirs in another order would wait for each other.
        with global_compiler_lock, _held(lock):
            return compile(signature)

    compiled.compile = compile_once
    return cast("Callable[P, R]", compiled)


@contextlib.contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Keep other processes out. On a disk that knows no locks they all compile."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def built(sources: Sequence[Path], headers: Sequence[Path] = (), remedy: str = "", *, fused: bool = True) -> Path:
    """The shared library of C++ sources: built once for this machine, found again by every later process.

    It lies in the user's cache and is named like the first source. ``fused``: multiplications may be rounded together
    with additions; without, floats are what `kernel` computes.

    Raises RuntimeError without a compiler, or where it cannot build; ``remedy`` ends the message.
    """
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))), None)
    if compiler is None:
        raise RuntimeError(f"no C++ compiler; install g++ or clang++{remedy}")
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    texts = [path.read_bytes() for path in (*headers, *sources)]
    flags = [*FLAGS, f"-ffp-contract={'fast' if fused else 'off'}"]
    key = hashlib.sha256(b"\0".join([*texts, " ".join(flags).encode(), version, _processor()])).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ffhq_uv"
    library = cache / f"{sources[0].stem}-{key[:16]}.so"
    if not library.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:  # renamed when complete: processes may build at once
            partial = Path(folder, library.name)
            command = [compiler, *flags, *map(str, sources), "-o", str(partial)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
                raise RuntimeError(f"{compiler} cannot build {sources[0].name}: {reason}{remedy}")
            os.replace(partial, library)
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
