"""Train every cell of a study that the store does not hold yet, together with other runners of the store."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from data.store import Store
from study.config import LoadedStudy
from study.data_audit.audit import DataAudit
from study.data_audit.stored import audit_tasks, write_audit
from study.grid import Cell, build_cells, select_cells
from study.run.curves import CurveWriter, summary_writer
from study.run.documents import document_checksums, set_aside_documents
from study.run.freeze import freeze_architecture, freeze_grid, freeze_study
from study.run.knobs import check_knobs
from study.run.leases import Leases
from study.run.perform import Workshop
from study.run.portion import Portion, portion_units
from study.run.prepare import (
    PlannedCell,
    PreparedTask,
    check_training,
    find_weights,
    make_missing,
    plan_cells,
    prepare_task,
)
from study.run.provenance import begin_run, finish_run
from study.run.runner import Runner
from study.run.share import Shared, ShareProgress, Sharing
from study.run.stored_split import check_stored_splits, task_records
from study.run.units import Unit

if TYPE_CHECKING:
    from study.engines.order import Order
    from study.engines.start import EngineChoice
    from training.weights import Weights

STORE_LEASE = "store"  # held while study, grid, provenance or index are written


class RunProgress(ShareProgress, Protocol):
    """What a run reports while it works; `study.run.progress.GridProgress` draws it."""

    def running(self) -> AbstractContextManager[Any]: ...
    def expect(self, n_cells: int) -> None: ...
    def preparing(self, label: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run did: cells trained now, found done before, and failed with their reasons.

    elsewhere : cells of this run's portion that other runners trained meanwhile
    left : cells of the planned grid that are neither done nor failed: those of other shards
    collapsed : done cells of this run or an earlier one that predict one class only, and in which split
    """

    store: Store
    trained: int
    found: int
    failed: Mapping[str, str]
    collapsed: Mapping[str, str]
    elsewhere: int = 0
    left: int = 0


def run_grid(
    study: LoadedStudy,
    *,
    root: Path | str,
    data_root: Path | None,
    weights_dir: Path,
    device: str,
    only: Sequence[str],
    progress: RunProgress,
    backend: str = "torch",
    tensorboard: bool = False,
    portion: Portion | None = None,
    engine: "EngineChoice | None" = None,
) -> RunOutcome:
    """Train the cells of `study` into the store at `root`; cells that are done are kept.

    Other runs may work on the same store: each unit of work is done by one of them.

    `tensorboard` : write the learning curves below `<store>/tensorboard/` as groups end; `engine` : who does
    the units of work; None = this process

    Raises
    ------
    ValueError, OSError : bad input; the store holds what it held before
    """
    portion = portion or Portion()
    if engine is not None:
        engine.check(root)
        portion = replace(portion, pack=portion.pack or engine.options.pack)
    cells = select_cells(build_cells(study.config), only, study.config)
    tasks, found, told = _check_input(
        study,
        cells,
        root,
        data_root=data_root,
        weights_dir=weights_dir,
        device=device,
        backend=backend,
        progress=progress,
    )
    if tensorboard:
        summary_writer()  # before anything is written
        _ = Store.at(root).root  # a folder, since TensorBoard's writer needs one
    store = Store.create(root)
    told = (*told, *store.set_aside_damaged())
    for task in tasks.values():
        for note in task.notes:
            progress.note(f"{task.name}: {note}")
    for note in told:
        progress.note(note)
    with progress.running():
        audits = audit_tasks(tasks, note=progress.note, report=progress.preparing)
        weights = make_missing(found, weights_dir=weights_dir, note=progress.note, report=progress.preparing)
    planned = plan_cells(cells, tasks, weights, backend=backend)
    work = _Work(
        workshop=Workshop(store=store, tasks=tasks, device=device, backend=backend),
        planned=planned,
        units=portion_units(study, planned, tasks, backend=backend, portion=portion),
        curves=CurveWriter(store, cells) if tensorboard else None,
        progress=progress,
    )
    with Runner(store.place, expiry=portion.expiry) as runner:
        leases = Leases(runner.place, runner)
        with leases.waiting_for(STORE_LEASE):
            for note in _freeze(store, study, planned, tasks, audits, backend=backend):
                progress.note(note)
            entry = {"study": study.source, "study_hash": study.hash, "only": list(only), "backend": backend}
            shard = {} if portion.shard is None else {"shard": "{}/{}".format(*portion.shard)}
            begin_run(
                store,
                {**entry, **shard, "tasks": task_records(tasks)},
                token=runner.token,
                documents=document_checksums(store, tasks),
            )
        if engine is None:
            outcome = work.outcome(lambda: work.sharing(leases).run())
        else:
            from study.engines.order import make_order

            order = make_order(
                study,
                only,
                workshop=work.workshop,
                data_root=data_root,
                weights_dir=weights_dir,
                portion=portion,
            )
            outcome = work.outcome(lambda: work.on_engine(engine, order, leases))
        with leases.waiting_for(STORE_LEASE):
            store.refresh_index()
            finish_run(store, _record(outcome, weights), token=runner.token)
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """The units of a run and who does them."""

    workshop: Workshop
    planned: Sequence[PlannedCell]
    units: Sequence[Unit]
    curves: CurveWriter | None
    progress: RunProgress

    def sharing(self, leases: Leases, units: Sequence[Unit] | None = None) -> Sharing:
        """The loop of this process over all units, or over some."""
        return Sharing(
            units=self.units if units is None else units,
            workshop=self.workshop,
            runner=leases.runner,
            leases=leases,
            progress=self.progress,
            ended=lambda unit: self._write_curves(leases, unit),
        )

    def on_engine(self, engine: "EngineChoice", order: "Order", leases: Leases) -> Shared:
        """Have tasks of an engine do the units; what they left to do after their last cells is done here."""
        done = engine.run(order, self.workshop.store, self.units, self.progress)
        self.sharing(leases, [unit for unit in self.units if unit.kind == "finish"]).run()
        for unit in self.units:
            self._write_curves(leases, unit)
        return done

    def outcome(self, do: Callable[[], Shared]) -> RunOutcome:
        """Do the work, and count what came of it."""
        store = self.workshop.store
        units = [unit for unit in self.units if unit.kind in ("group", "cells")]
        own = {item.cell_id for unit in units for item in unit.cells}
        found = sum(store.is_done(cell_id) for cell_id in own)
        self.progress.expect(len(own))
        with self.progress.running():
            shared = do()
        failed = {cell_id: reason for cell_id, reason in shared.failed.items() if cell_id in own}
        left = [i for i in self.planned if i.cell_id not in failed and not store.is_done(i.cell_id)]
        return RunOutcome(
            store=store,
            trained=len(shared.trained),
            found=found,
            failed=failed,
            collapsed=collapsed_cells(store, [item.cell_id for item in self.planned]),
            elsewhere=len(set(shared.elsewhere) & own),
            left=len(left),
        )

    def _write_curves(self, leases: Leases, unit: Unit) -> None:
        if self.curves is not None:
            with leases.waiting_for("curves"):
                self.curves.write(unit.cells)


def _check_input(
    study: LoadedStudy,
    cells: Sequence[Cell],
    root: Path | str,
    *,
    data_root: Path | None,
    weights_dir: Path,
    device: str,
    backend: str,
    progress: RunProgress,
) -> tuple[dict[str, PreparedTask], "dict[tuple[str, str], Weights | None]", tuple[str, ...]]:
    """Tasks, weights and notes of a run; everything that can be wrong shows here, before a store is made."""
    from training.group_input import resolve_device

    used = {cell.task for cell in cells}
    with progress.running():
        tasks = {
            name: prepare_task(name, config, data_root, report=progress.preparing)
            for name, config in study.config.tasks.items()
            if name in used
        }
    check_training(cells, tasks, device, backend)
    pairs = [(cell.recipe["pretrain"], cell.recipe["backbone"]) for cell in cells]
    found = find_weights(pairs, weights_dir=weights_dir)
    told = check_knobs(
        study.config,
        cells,
        cuda=resolve_device(device).type == "cuda",
        n_train={(n, fold): c["train"] for n, t in tasks.items() for fold, c in enumerate(t.all_counts())},
        weights={pair: made.sha256 for pair, made in found.items() if made is not None},
    )
    # All that a user can mend is checked by now.
    told = (*told, *set_aside_documents(root))
    return tasks, found, (*told, *check_stored_splits(root, tasks))


def _freeze(
    store: Store,
    study: LoadedStudy,
    planned: Sequence[PlannedCell],
    tasks: Mapping[str, PreparedTask],
    audits: Mapping[str, DataAudit],
    *,
    backend: str,
) -> tuple[str, ...]:
    """Write what the store says about study, grid and data; notes on what differs from before."""
    notes = freeze_study(store, study)
    freeze_grid(store, study, planned, backend=backend)
    freeze_architecture(store, planned)
    for task in tasks.values():
        store.write_manifest(task.name, task.manifest)
        store.write_split(task.name, task.split)
        store.write_exclusions(task.name, task.division.exclusions)
        write_audit(store, audits[task.name])
    return notes


def _record(outcome: RunOutcome, weights: "Mapping[tuple[str, str], Weights]") -> dict[str, Any]:
    """What `run.json` keeps of a run that has ended."""
    return {
        "trained": outcome.trained,
        "found": outcome.found,
        "elsewhere": outcome.elsewhere,
        "failed": len(outcome.failed),
        "weights": {f"{p}/{b}": {"sha256": w.sha256, "source": w.source} for (p, b), w in weights.items()},
    }


def collapsed_cells(store: Store, cell_ids: Sequence[str]) -> dict[str, str]:
    """Done cells that predict one class for all of validation or test: cell_id -> which of them."""
    cells = store.cells()
    if "collapsed" not in cells:
        return {}
    rows = cells[cells["cell_id"].isin(list(cell_ids)) & cells["collapsed"].notna()]
    return dict(zip(rows["cell_id"], rows["collapsed"], strict=True))
