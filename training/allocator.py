"""Large blocks of memory without a page fault for every 4 kB: at each layer they would be mapped anew."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_NEVER = 2**31 - 1


# torch asks for huge pages for its own large blocks; read once, when it allocates for the first time.
_HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"


@functools.cache
def tune_allocator() -> bool:
    """Ask glibc to serve large blocks from its heap and to keep them, and torch for huge pages.

    STUDY_ALLOCATOR=system in the environment leaves both as they are.

    By default glibc maps every large block anew, and a forward pass of a CNN then spends about half of its
    time in page faults. glibc's heap serves the main thread; in other threads blocks above 64 MB are mapped
    all the same, and huge pages (a setting of torch, which the environment can take back) make one fault of
    512. Results do not change by a bit. The price: memory stays resident until `release_memory`.

    Returns
    -------
    whether glibc was asked; False outside Linux with glibc, where nothing is done
    """
    libc = _glibc()
    if libc is None or os.environ.get("STUDY_ALLOCATOR") == "system":
        return False
    os.environ.setdefault(_HUGE_PAGES, "1")
    mallopt = libc.mallopt
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return bool(mallopt(_M_MMAP_THRESHOLD, _NEVER)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))


def release_memory() -> bool:
    """Give free memory back to the system after a stage that needed much; True where glibc was there."""
    libc = _glibc()
    if libc is None:
        return False
    libc.malloc_trim(0)
    return True


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return None
    try:
        libc = ctypes.CDLL("libc.so.6", use_errno=True)
    except OSError:
        return None
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
