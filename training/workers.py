"""Run independent tasks on one single-threaded worker per core.

One thread per task and many tasks at once beat many threads per task: the work is split where it is
independent, a core that is busy elsewhere delays its own task only (with several threads per task all wait
for it: eight times slower was seen on a loaded machine), and results do not depend on the number of cores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from training.threads import torch_threads

T = TypeVar("T")


class CancelledError(Exception):
    """The run was interrupted; the task gave up."""


def default_workers(device: torch.device) -> int:
    """One worker per torch thread on the CPU (OMP_NUM_THREADS is respected); one on any other device."""
    return torch.get_num_threads() if device.type == "cpu" else 1


def run_tasks(
    tasks: Sequence[Callable[[threading.Event], T]],
    *,
    workers: int,
    sizes: Sequence[int] | None = None,
    budget: int = 0,
) -> Generator[tuple[int, T | Exception], None, None]:
    """(position, result or exception) of each task, in the order in which they end.

    Every task runs on one torch thread and gets an event; once that is set it should raise CancelledError.
    It is set when the consumer stops, for example by Ctrl-C; tasks that have not begun never begin.

    Parameters
    ----------
    sizes : bytes of memory that each task needs. The largest task that fits beside the running ones begins
        next, so that a small one fills what a large one leaves; a task above the budget runs alone.
    budget : bytes that the running tasks may need together
    """
    queue = _Queue(tasks, sizes=sizes or [0] * len(tasks), budget=budget)
    stop = threading.Event()
    with torch_threads(1):
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="train")
        running: dict[Future[T], int] = {}

        def begin() -> None:
            while len(running) < workers and (position := queue.take(list(running.values()))) is not None:
                running[pool.submit(_run, tasks[position], stop)] = position

        try:
            begin()
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                done = [(future, running.pop(future)) for future in sorted(ended, key=running.__getitem__)]
                begin()  # before the consumer is busy with what has ended
                while done:
                    future, position = done.pop(0)
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


class _Queue:
    """Positions that wait, the largest first; equal ones in their order."""

    def __init__(self, tasks: Sequence[object], *, sizes: Sequence[int], budget: int) -> None:
        self._sizes, self._budget = sizes, budget
        self._waiting = sorted(range(len(tasks)), key=lambda position: -sizes[position])

    def take(self, running: Sequence[int]) -> int | None:
        """The next position that fits beside the running ones; None where none does, or none waits."""
        used = sum(self._sizes[position] for position in running)
        for place, position in enumerate(self._waiting):
            if not running or used + self._sizes[position] <= self._budget:
                return self._waiting.pop(place)
        return None


def _run(task: Callable[[threading.Event], T], stop: threading.Event) -> T:
    with torch_threads(1):
        return task(stop)
