"""The same work for many cells on several threads, in order and with few results waiting."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4  # results per thread that may wait for the one before them


def on_threads(
    function: Callable[[Item], Result], items: Iterable[Item], *, n_threads: int | None = None
) -> Iterator[Result]:
    """Yield `function(item)` of all items in their order.

    Decoding, hashing and sorting leave Python's lock, so threads share the work of a few processors.

    Parameters
    ----------
    n_threads : None = the processors that this process may use

    The first error in the order of items is raised; what has not begun by then is not run.
    """
    n_threads = n_threads or _processors()
    rest = iter(items)
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: deque[Future[Result]] = deque(
            pool.submit(function, item) for item in islice(rest, _AHEAD * n_threads)
        )
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
        finally:
            for future in waiting:
                future.cancel()


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1
