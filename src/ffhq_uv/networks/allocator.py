"""The C library's memory: what becomes of large blocks that are freed. For the whole process; glibc only."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4


def keep_freed_memory() -> bool:
    """Let malloc serve large blocks from its heap, and not give the heap back. Returns whether that was done.

    The C library otherwise returns the pages of large temporaries and faults them in anew for every one. A generator's
    are up to 256 MB each: page faults took half the time of drawing on a CPU. Memory use stays at its peak.
    """
    return _told((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, 64 << 20))


def return_freed_memory() -> bool:
    """Let malloc take blocks of a MiB and more from the system, and return them at once. Whether that was done.

    For reading a network of a gigabyte: blocks between others, which are freed in the heap, stay with the process, and
    were half of what it held.
    """
    return _told((_M_MMAP_MAX, 1 << 16), (_M_MMAP_THRESHOLD, 1 << 20), (_M_TRIM_THRESHOLD, 1 << 20), (_M_TOP_PAD, 0))


def _told(*options: tuple[int, int]) -> bool:
    try:
        libc = ctypes.CDLL(None)
        if not hasattr(libc, "gnu_get_libc_version"):
            return False
        return all(libc.mallopt(option, value) == 1 for option, value in options)
    except (AttributeError, OSError, TypeError):
        return False
