"""How many threads torch uses, for a block of code, and asserted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Run the block on n torch threads and restore the former number, whatever happens inside.

    Raises
    ------
    RuntimeError : torch does not take the number, or code inside the block changed it (a library that sets
        the number of threads at import would silently change results and timings)
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        _expect(n)
        yield
        _expect(n)
    finally:
        torch.set_num_threads(before)


def _expect(n: int) -> None:
    found = torch.get_num_threads()
    if found != n:
        raise RuntimeError(
            f"Torch works on {found} threads instead of {n}; another library changed the number."
        )
