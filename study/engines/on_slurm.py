"""`--engine slurm`: units of work as Slurm jobs and job arrays, submitted by submitit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from study.engines.drive import Batch
from study.engines.options import Needs, SlurmOptions
from study.engines.order import Order, do_order

_COMMANDS = ("sbatch", "srun", "squeue", "scontrol")
_TIMEOUTS = 1000  # how often a task may reach its time limit; each time it has more cells done


class SlurmWork:
    """What a task does; submitit calls `checkpoint` when it is preempted or reaches its time limit."""

    def __init__(self, order: Order, threads: int) -> None:
        self.order, self.threads = order, threads

    def __call__(self) -> int:
        """Do the order; attempts of one task share a name: a later one knows that the earlier has ended."""
        array = os.environ.get("SLURM_ARRAY_JOB_ID")
        own = os.environ.get("SLURM_JOB_ID", "?")
        job = own if array is None else f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
        return do_order(self.order, job=f"slurm {job}", threads=self.threads)

    def checkpoint(self) -> Any:
        """Queue the same work again: what is done is found done."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True, slots=True)
class SlurmEngine:
    """Submits batches; pickles and logs of the tasks lie in `folder`, which every node must see."""

    order: Order
    options: SlurmOptions
    folder: Path
    name: str

    def submit(self, batches: Sequence[Batch]) -> SlurmTasks:
        """One job for the features of a group, then arrays of its packs, which wait for its end.

        ValueError : Slurm refuses
        """
        ids: list[str] = []
        for batch in batches:
            after: dict[str, Any] = {}
            if batch.features:
                needs = self.options.features or self.options
                ids += self._array([batch.features], needs, {})
                # Not `afterok`: packs make what is missing themselves.
                after = {"dependency": f"afterany:{ids[-1]}"}
            for start in range(0, len(batch.packs), self.options.array_size):
                ids += self._array(batch.packs[start : start + self.options.array_size], self.options, after)
        return SlurmTasks(tuple(dict.fromkeys(ids)))

    def _array(self, units: Sequence[tuple[str, ...]], needs: Needs, more: Mapping[str, Any]) -> list[str]:
        """Submit one task per entry of `units`; the id of the job or of the array."""
        import submitit

        executor = submitit.SlurmExecutor(folder=self.folder, max_num_timeout=_TIMEOUTS)
        executor.update_parameters(**sbatch_parameters(self.options, needs, name=self.name), **more)
        work = [SlurmWork(replace(self.order, units=names), needs.cpus) for names in units]
        try:
            # An array of one is a job like any other.
            jobs = [executor.submit(work[0])] if len(work) == 1 else executor.map_array(_call, work)
        except submitit.core.utils.FailedJobError as error:
            raise ValueError(f"Slurm refuses the job: {error}") from error
        return [jobs[0].job_id.partition("_")[0]]


def _call(work: SlurmWork) -> int:
    return work()


@dataclass(frozen=True, slots=True)
class SlurmTasks:
    """Jobs in Slurm's queue, by id."""

    ids: tuple[str, ...]

    def running(self) -> bool:
        """Whether any waits or works; also while Slurm's controller does not answer."""
        return self._states() != {}

    def describe(self) -> str:
        """Tasks by state."""
        states = self._states() or {}
        told = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        return f"Slurm: {told or 'no task left'}"

    def _states(self) -> dict[str, int]:
        command = ["squeue", "--noheader", "--array", "--format=%T", f"--jobs={','.join(self.ids)}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            gone = "Invalid job id" in done.stderr  # ended jobs are forgotten after a while
            return {} if gone else {"unknown, because squeue does not answer": 1}
        states: dict[str, int] = {}
        for line in done.stdout.split():
            states[line.lower()] = states.get(line.lower(), 0) + 1
        return states


def sbatch_parameters(options: SlurmOptions, needs: Needs, *, name: str) -> dict[str, Any]:
    """The options of sbatch, as submitit names them.

    ValueError : a part of a GPU
    """
    if needs.gpus != int(needs.gpus):
        raise ValueError(f"[slurm] gpus = {needs.gpus}: Slurm gives whole GPUs; take 0, 1 or more.")
    asked: dict[str, Any] = {
        "job_name": name,
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
        "time": options.minutes,
        "cpus_per_task": needs.cpus,
        "gpus_per_node": int(needs.gpus) or None,
        "mem": None if needs.memory_gb is None else f"{round(needs.memory_gb * 1024)}MB",
        "setup": list(options.setup) or None,
        "array_parallelism": options.parallel,
        "signal_delay_s": options.warn_seconds,
        "stderr_to_stdout": True,
        # Lost nodes: Slurm queues the task again itself.
        "additional_parameters": {"requeue": True, **options.extra},
    }
    return {key: value for key, value in asked.items() if value is not None}


def check_slurm() -> None:
    """Refuse to start where Slurm's commands are absent.

    ValueError : names them
    """
    missing = [command for command in _COMMANDS if shutil.which(command) is None]
    if missing:
        raise ValueError(
            f"--engine slurm needs Slurm's commands, but {', '.join(missing)} is not on PATH. Run it on a "
            "login node of the cluster, or use --engine local."
        )
