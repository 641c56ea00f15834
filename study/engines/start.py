"""Which engine runs the units of a study, and what it needs to be there before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from data.place.remote import is_url
from data.store import Store
from study.engines.drive import Drive
from study.engines.options import EngineOptions, read_options
from study.run.share import Shared, ShareProgress
from study.run.units import Unit

if TYPE_CHECKING:
    from study.engines.on_ray import RayEngine
    from study.engines.on_slurm import SlurmEngine
    from study.engines.order import Order

ENGINES = ("local", "slurm", "ray")
_PACKAGES = {"slurm": "submitit", "ray": "ray"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine other than this process, and what its tasks need."""

    name: str
    options: EngineOptions

    def check(self, root: Path | str) -> None:
        """Refuse an engine that cannot run here, or not for the store at `root`.

        Raises
        ------
        ValueError : its package or its commands are missing; no cluster answers; Slurm and a store that is
            no folder
        """
        package = _PACKAGES[self.name]
        if find_spec(package) is None:
            raise ValueError(
                f"--engine {self.name} needs the package `{package}`, which is not installed: "
                f"pip install '.[{self.name}]'."
            )
        if self.name == "slurm":
            from study.engines.on_slurm import check_slurm, sbatch_parameters

            if is_url(root):
                raise ValueError(
                    f"--engine slurm cannot use the store '{root}': Slurm writes its scripts and logs below "
                    "the store, which must be a folder that all nodes see. Give a folder, take --engine ray, "
                    "or submit `study run-grid` with --shard yourself."
                )
            check_slurm()
            for needs in (self.options.slurm, self.options.slurm.features):
                if needs is not None:
                    sbatch_parameters(self.options.slurm, needs, name="check")
        else:
            from study.engines.on_ray import check_ray

            check_ray(self.options.ray)

    def run(self, order: Order, store: Store, units: Sequence[Unit], progress: ShareProgress) -> Shared:
        """Have the units done by tasks of the engine; blocks until they are.

        ValueError : see `study.engines.drive.Drive.run`
        """
        drive = Drive(
            store=store,
            units=units,
            progress=progress,
            submit=self._engine(order, store, progress).submit,
            rounds=self.options.rounds,
        )
        return drive.run()

    def _engine(self, order: Order, store: Store, progress: ShareProgress) -> SlurmEngine | RayEngine:
        name = f"study-{store.where.rstrip('/').rpartition('/')[2]}"
        if self.name == "slurm":
            from study.engines.on_slurm import SlurmEngine

            return SlurmEngine(order, self.options.slurm, store.root.resolve() / "work" / "logs", name)
        from study.engines.on_ray import RayEngine

        return RayEngine(order, self.options.ray, name, progress.note)


def choose_engine(name: str, options: Path | None) -> EngineChoice | None:
    """The engine of `--engine` and `--engine-options`; None = this process.

    Raises
    ------
    ValueError, OSError : unknown; options for this process, which has none; see `read_options`
    """
    if name not in ENGINES:
        raise ValueError(f"--engine {name}: allowed are {', '.join(ENGINES)}.")
    if name != "local":
        return EngineChoice(name=name, options=read_options(options))
    if options is not None:
        raise ValueError(
            f"--engine-options {options}: --engine local has no options; add --engine slurm or --engine ray, "
            "or give --pack."
        )
    return None
