"""Train every cell of a study that the store does not hold yet, group by group."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from data.store import Store
from study.config import LoadedStudy
from study.data_audit.stored import audit_tasks, write_audit
from study.grid import build_cells, select_cells
from study.run.curves import CurveWriter, summary_writer
from study.run.freeze import freeze_architecture, freeze_grid, freeze_study
from study.run.knobs import check_knobs
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
from study.run.stored_split import check_stored_splits, task_records

if TYPE_CHECKING:
    from training.settings import CellJob


class RunProgress(Protocol):
    """What a run reports while it works; `study.run.progress.GridProgress` draws it."""

    def running(self) -> AbstractContextManager[Any]: ...
    def expect(self, n_cells: int) -> None: ...
    def skip(self, n_cells: int) -> None: ...
    def begin_group(self, label: str, n_cells: int) -> None: ...
    def end_group(self, *, trained: int, failed: int) -> None: ...
    def features(self, done: int, total: int) -> None: ...
    def cell(self, cell_id: str, status: str) -> None: ...
    def preparing(self, label: str, done: int, total: int) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run did: cells trained now, found done before, and failed with their reasons.

    `collapsed` : done cells of this run or an earlier one that predict one class only, and in which split
    """

    store: Store
    trained: int
    found: int
    failed: Mapping[str, str]
    collapsed: Mapping[str, str]


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
) -> RunOutcome:
    """Train the cells of `study` into the store at `root`; cells that are done are kept.

    `tensorboard` : write the learning curves below `<store>/tensorboard/` as groups end

    Raises
    ------
    ValueError, OSError : bad input; the store holds what it held before
    """
    from training.group_input import resolve_device

    cells = select_cells(build_cells(study.config), only, study.config)
    used = {cell.task for cell in cells}
    with progress.running():
        tasks = {
            name: prepare_task(name, config, data_root, report=progress.preparing)
            for name, config in study.config.tasks.items()
            if name in used
        }
    check_training(cells, tasks, device, backend)
    if tensorboard:
        summary_writer()  # before anything is written
        _ = Store.at(root).root  # a folder, since TensorBoard's writer needs one
    pairs = [(cell.recipe["pretrain"], cell.recipe["backbone"]) for cell in cells]
    found = find_weights(pairs, weights_dir=weights_dir)
    told = check_knobs(
        study.config,
        cells,
        cuda=resolve_device(device).type == "cuda",
        n_train={(n, fold): c["train"] for n, t in tasks.items() for fold, c in enumerate(t.all_counts())},
        weights={pair: made.sha256 for pair, made in found.items() if made is not None},
    )
    told = (*told, *check_stored_splits(root, tasks))
    store = Store.create(root)
    told = (*told, *store.set_aside_damaged())
    curves = CurveWriter(store, cells) if tensorboard else None
    for task in tasks.values():
        for note in task.notes:
            progress.note(f"{task.name}: {note}")
    for note in told:
        progress.note(note)
    with progress.running():
        audits = audit_tasks(tasks, note=progress.note, report=progress.preparing)
        weights = make_missing(found, weights_dir=weights_dir, note=progress.note, report=progress.preparing)
    planned = plan_cells(cells, tasks, weights, backend=backend)
    for note in freeze_study(store, study):
        progress.note(note)
    freeze_grid(store, study, planned, backend=backend)
    freeze_architecture(store, planned)
    for task in tasks.values():
        store.write_manifest(task.name, task.manifest)
        store.write_split(task.name, task.split)
        store.write_exclusions(task.name, task.division.exclusions)
        write_audit(store, audits[task.name])
    entry = {"study": study.source, "study_hash": study.hash, "only": list(only), "backend": backend}
    position = begin_run(store, {**entry, "tasks": task_records(tasks)})
    outcome = _train(store, planned, tasks, device, progress, backend, curves)
    store.refresh_index()
    finish_run(
        store,
        position,
        {
            "trained": outcome.trained,
            "found": outcome.found,
            "failed": len(outcome.failed),
            "weights": {
                f"{p}/{b}": {"sha256": w.sha256, "source": w.source} for (p, b), w in weights.items()
            },
        },
    )
    return outcome


def _train(
    store: Store,
    planned: Sequence[PlannedCell],
    tasks: Mapping[str, PreparedTask],
    device: str,
    progress: RunProgress,
    backend: str,
    curves: CurveWriter | None,
) -> RunOutcome:
    """Every group in turn; decoded images are kept for the groups of one task that follow each other."""
    groups: dict[tuple[Any, ...], list[PlannedCell]] = {}
    for item in planned:
        groups.setdefault(item.cell.group, []).append(item)
    found = sum(store.is_done(item.cell_id) for item in planned)
    failed: dict[str, str] = {}
    trained = 0
    decoded: tuple[tuple[str, int], np.ndarray] | None = None
    progress.expect(len(planned))
    with progress.running():
        for members in groups.values():
            open_cells = [item for item in members if not store.is_done(item.cell_id)]
            progress.skip(len(members) - len(open_cells))
            if not open_cells and _has_checkpoint(store, members):
                if curves is not None:
                    curves.write(members)
                continue
            recipe = members[0].cell.recipe
            task = tasks[members[0].cell.task]
            key = (task.name, recipe["image_size"])
            if decoded is None or decoded[0] != key:
                decoded = (key, task.images(recipe["image_size"]))
            label = f"{task.name} · {recipe['pretrain']} · {recipe['backbone']}"
            if task.config.split.folds:
                label += f" · fold {members[0].cell.fold}"
            if recipe["unfreeze"] != 0:
                label += f" · unfreeze {recipe['unfreeze']}"
            progress.begin_group(label, len(open_cells))
            reasons = _train_group(store, members, task, decoded[1], device, progress, backend)
            bad = {cell_id: reason for cell_id, reason in reasons.items() if reason is not None}
            trained += len(reasons) - len(bad)
            failed |= bad
            progress.end_group(trained=len(reasons) - len(bad), failed=len(bad))
            if curves is not None:
                curves.write(members)
    collapsed = collapsed_cells(store, [item.cell_id for item in planned])
    return RunOutcome(store=store, trained=trained, found=found, failed=failed, collapsed=collapsed)


def _train_group(
    store: Store,
    members: Sequence[PlannedCell],
    task: PreparedTask,
    images: np.ndarray,
    device: str,
    progress: RunProgress,
    backend: str,
) -> dict[str, str | None]:
    """Reasons of failure (None = done) of the cells that were open; a failing group fails its cells only."""
    from training.group import run_group

    open_ids = {item.cell_id for item in members if not store.is_done(item.cell_id)}
    try:
        outcomes = run_group(
            [cell_job(item) for item in members],
            images=images,
            manifest=task.manifest,
            split=task.fold_split(members[0].cell.fold),
            weights=members[0].weights,
            store=store,
            device=device,
            progress=progress,
            backend=backend,
        )
    except (RuntimeError, MemoryError, ArithmeticError) as error:
        reason = f"the group failed: {type(error).__name__}: {error}"
        for item in members:
            if item.cell_id in open_ids and not store.is_done(item.cell_id):
                store.write_cell(failed_row(item, reason))
                progress.cell(item.cell_id, "failed")
        return {cell_id: None if store.is_done(cell_id) else reason for cell_id in open_ids}
    return {o.cell_id: o.reason if o.status == "failed" else None for o in outcomes if o.cell_id in open_ids}


def collapsed_cells(store: Store, cell_ids: Sequence[str]) -> dict[str, str]:
    """Done cells that predict one class for all of validation or test: cell_id -> which of them."""
    cells = store.cells()
    if "collapsed" not in cells:
        return {}
    rows = cells[cells["cell_id"].isin(list(cell_ids)) & cells["collapsed"].notna()]
    return dict(zip(rows["cell_id"], rows["collapsed"], strict=True))


def _has_checkpoint(store: Store, members: Sequence[PlannedCell]) -> bool:
    """Whether the best cell of the group was kept; a run may be killed just before."""
    return any(store.has_checkpoint(item.cell_id) for item in members)


def cell_job(item: PlannedCell) -> "CellJob":
    """The cell as training knows it."""
    from training.settings import CellJob, CellSettings

    return CellJob(cell_id=item.cell_id, index=item.cell.index, settings=CellSettings(**item.cell.columns))


def failed_row(item: PlannedCell, reason: str) -> dict[str, Any]:
    """The row of a cell that could not be trained."""
    return {
        "cell_id": item.cell_id,
        "index": item.cell.index,
        "status": "failed",
        "reason": reason,
        **item.cell.columns,
    }
