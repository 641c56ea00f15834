"""Run independent tasks on one single-threaded worker per core.

One thread per task and many tasks at once beat many threads per task: the work is split where it is
independent, a core that is busy elsewhere delays its own task only (with several threads per task all wait
for it: eight times slower was seen on a loaded machine), and results do not depend on the number of cores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

from training.threads import torch_threads

T = TypeVar("T")


class CancelledError(Exception):
    """The run was interrupted; the task gave up."""


class MemoryGate:
    """Let tasks in while the bytes they announce stay within a budget; one task may always run."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._used = 0
        self._running = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, n_bytes: int) -> Iterator[None]:
        """Wait until n_bytes fit, or until nothing else runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0 or self._used + n_bytes <= self._budget)
            self._used += n_bytes
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._used -= n_bytes
                self._running -= 1
                self._changed.notify_all()


def default_workers(device: torch.device) -> int:
    """One worker per torch thread on the CPU (OMP_NUM_THREADS is respected); one on any other device."""
    return torch.get_num_threads() if device.type == "cpu" else 1


def run_tasks(
    tasks: Sequence[Callable[[threading.Event], T]], *, workers: int
) -> Generator[tuple[int, T | Exception], None, None]:
    """(position, result or exception) of each task, in the order in which they end.

    Every task runs on one torch thread and gets an event; once that is set it should raise CancelledError.
    It is set when the consumer stops, for example by Ctrl-C; tasks that have not begun never begin.
    """
    stop = threading.Event()
    with torch_threads(1):
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="train")
        try:
            running: dict[Future[T], int] = {
                pool.submit(_run, task, stop): position for position, task in enumerate(tasks)
            }
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(ended, key=running.__getitem__):
                    position = running.pop(future)
                    error = future.exception()
                    if error is None:
                        yield position, future.result()
                    elif isinstance(error, Exception):
                        yield position, error
                    else:
                        raise error
                    del future, error  # a result may hold gigabytes
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _run(task: Callable[[threading.Event], T], stop: threading.Event) -> T:
    with torch_threads(1):
        return task(stop)
