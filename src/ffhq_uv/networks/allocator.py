"""Keeping the pages of large temporaries, which the C library otherwise returns and faults in anew for every one."""

from __future__ import annotations

import ctypes
import functools

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


@functools.cache
def keep_freed_memory() -> bool:
    """Let glibc's malloc serve large blocks from its heap, and not give the heap back; for the whole process.

    A generator's temporaries are up to 256 MB each: page faults took half the time of drawing on a CPU. Memory use
    stays at its peak. Returns whether it was done; elsewhere than with glibc nothing happens.
    """
    try:
        libc = ctypes.CDLL(None)
        if not hasattr(libc, "gnu_get_libc_version"):
            return False
        return all(
            libc.mallopt(option, value) == 1
            for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, 64 << 20))
        )
    except (AttributeError, OSError, TypeError):
        return False
