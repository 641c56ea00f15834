"""`--engine ray`: units of work as Ray tasks."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from study.engines.drive import Batch
from study.engines.options import Needs, RayOptions
from study.engines.order import Order, do_order

_ANSWERS_WITHIN = 5.0  # seconds; Ray itself tries for minutes, and then ends the process


def ray_work(order: Order, threads: int, after: str | None) -> str | None:
    """Do an order on whatever node Ray chose; why it failed, or None.

    `after` : result of the task that makes the features; it is not read, but this task waits for it. A fault
    is returned, not raised: else Ray would not start the tasks that wait for this one.
    """
    import ray

    # The attempts of one task have one id, so that a later one knows that the earlier one has ended.
    job = f"ray {ray.get_runtime_context().get_task_id()}"
    try:
        do_order(order, job=job, threads=threads)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Submits batches to a Ray cluster; `note` gets what tasks report as faults."""

    order: Order
    options: RayOptions
    name: str
    note: Callable[[str], None]

    def submit(self, batches: Sequence[Batch]) -> RayTasks:
        """One task for the features of a group, then its packs, which wait for its end.

        ValueError : no cluster answers at the address
        """
        self._connect()
        refs = []
        for batch in batches:
            after: Any = None
            if batch.features:
                after = self._task(batch.features, self.options.features or self.options, None, batch.label)
                refs.append(after)
            refs += [self._task(names, self.options, after, batch.label) for names in batch.packs]
        return RayTasks(refs, self.note)

    def _connect(self) -> None:
        """Become a driver of the cluster; tell of needs that no node has now.

        ValueError : no cluster answers, or one of another version of Ray or Python
        """
        import ray

        if not ray.is_initialized():
            try:
                ray.init(address=self.options.address, log_to_driver=False, logging_level=logging.WARNING)
            except (ConnectionError, RuntimeError, ValueError, SystemExit) as error:
                raise ValueError(f"--engine ray: no cluster of Ray could be joined: {error}") from error
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        for needs in filter(None, (self.options.features, self.options)):
            asked = resources_of(self.options, needs)
            if not fits_a_node(asked, nodes):
                told = ", ".join(f"{amount:g} {name}" for name, amount in asked.items() if amount)
                self.note(f"No node of the cluster has {told} at once; tasks wait until one joins.")

    def _task(self, units: tuple[str, ...], needs: Needs, after: Any, label: str) -> Any:
        import ray

        asked = {
            "num_cpus": needs.cpus,
            "num_gpus": needs.gpus,
            "memory": None if needs.memory_gb is None else int(needs.memory_gb * 2**30),
            "resources": self.options.resources or None,
            "max_retries": self.options.retries,
            "name": f"{self.name}: {label}",
        }
        chosen = {key: value for key, value in asked.items() if value is not None}
        task = ray.remote(ray_work).options(**chosen)
        return task.remote(replace(self.order, units=units), needs.cpus, after)


def resources_of(options: RayOptions, needs: Needs) -> dict[str, float]:
    """What one task asks of its node, by Ray's names; memory in bytes."""
    memory = 0.0 if needs.memory_gb is None else needs.memory_gb * 2**30
    return {"CPU": needs.cpus, "GPU": needs.gpus, "memory": memory, **options.resources}


def fits_a_node(asked: Mapping[str, float], nodes: Sequence[Mapping[str, float]]) -> bool:
    """Whether any node, were it idle, could run the task."""
    return any(all(node.get(name, 0.0) >= amount for name, amount in asked.items()) for node in nodes)


def check_ray(options: RayOptions) -> None:
    """Refuse to start where nothing listens at the address of the cluster.

    ValueError : says which address, and where it came from
    """
    address, source = options.address, "[ray] address"
    if address is None:
        address, source = os.environ.get("RAY_ADDRESS", ""), "RAY_ADDRESS"
    if address in ("", "auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(
            f"--engine ray: {source} = '{address}' is no address of a cluster; write HOST:PORT, such as "
            "10.0.0.1:6379, as `ray start --head` prints it."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_WITHIN).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"--engine ray: nothing answers at {source} = '{address}' ({error}). Start the cluster with "
            "`ray start --head --port=6379`, or correct the address."
        ) from error


class RayTasks:
    """Tasks of a Ray cluster."""

    def __init__(self, refs: Sequence[Any], note: Callable[[str], None]) -> None:
        self._open, self._n, self._note = list(refs), len(refs), note

    def running(self) -> bool:
        """Whether any waits or works; faults of those that ended are told."""
        import ray

        if not self._open:
            return False
        ended, self._open = ray.wait(self._open, num_returns=len(self._open), timeout=0)
        for ref in ended:
            try:
                reason = ray.get(ref)
            except ray.exceptions.RayError as error:
                reason = str(error).strip().splitlines()[0]
            if reason is not None:
                self._note(f"A task failed: {reason}")
        return bool(self._open)

    def describe(self) -> str:
        """How many have ended."""
        return f"Ray: {self._n - len(self._open)} of {self._n} tasks have ended"
