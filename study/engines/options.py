"""What one task of an engine needs: a TOML file that is no part of the study, for it changes no result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from study.config.base import Frozen
from study.config.load import parse_toml, read_text, validate

_Positive = Annotated[int, Field(ge=1)]


class Needs(Frozen):
    """Cores, GPUs and memory of one task."""

    cpus: _Positive = 2
    """Cores; cells of a pack are trained on all of them."""
    gpus: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    """GPUs; Ray takes fractions, Slurm whole ones."""
    memory_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Memory in GB; None leaves it to the cluster."""


class SlurmOptions(Needs):
    """Table `[slurm]`."""

    partition: str | None = None
    """Partition to submit to; None = the cluster's default."""
    minutes: _Positive = 120
    """Time limit of a task; one that reaches it is queued again and goes on where it was."""
    account: str | None = None
    """Account to charge."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that a node must have; name one kind of processor or GPU, so that bits are comparable."""
    setup: tuple[str, ...] = ()
    """Shell lines before the work, such as `module load cuda`."""
    extra: dict[str, str | int | bool] = Field(default_factory=dict)
    """Any other option of sbatch by its long name, such as { reservation = "lab" }."""
    parallel: _Positive = 256
    """Tasks of one array that may run at once."""
    array_size: _Positive = 1000
    """Largest job array; MaxArraySize of the cluster less one."""
    warn_seconds: _Positive = 90
    """How long before its time limit a task is told to queue itself again."""
    features: Needs | None = None
    """Other needs of the tasks that make features, such as { cpus = 8, gpus = 1 }."""


class RayOptions(Needs):
    """Table `[ray]`."""

    address: str | None = None
    """Address of a running cluster; None = RAY_ADDRESS, else a cluster of this machine, else a new one."""
    retries: Annotated[int, Field(ge=-1)] = 8
    """How often Ray starts a task again whose worker or node was lost; -1 = without end."""
    resources: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    """Own resources of the cluster that a task needs, such as { "big-node" = 1 }."""
    features: Needs | None = None
    """Other needs of the tasks that make features."""


class EngineOptions(Frozen):
    """The whole file."""

    pack: _Positive = 8
    """Cells per task."""
    rounds: _Positive = 5
    """How often units that no task has ended are submitted again before the run gives up."""
    slurm: SlurmOptions = SlurmOptions()
    """Read by `--engine slurm`."""
    ray: RayOptions = RayOptions()
    """Read by `--engine ray`."""


def read_options(path: Path | None) -> EngineOptions:
    """The options of a file; the defaults where there is none.

    Raises
    ------
    ValueError, OSError : no TOML, an unknown key, a value that is not allowed, or no such file
    """
    if path is None:
        return EngineOptions()
    content: dict[str, Any] = parse_toml(read_text(path), str(path))
    return validate(EngineOptions, content, str(path))
