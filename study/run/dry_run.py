"""The plan of a run without running it: cells, groups, images, cost, and what this machine lacks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data.registry import dataset_available, dataset_info
from data.splits.folds import fold_counts
from data.splits.split import split_counts
from study.config import StudyConfig, TaskConfig
from study.data_audit.audit import audit_if_known
from study.data_audit.printed import note_lines
from study.durations import in_words
from study.grid import Cell, group_cells
from study.run.cost import GroupCost, group_cost, new_trunks
from study.run.knobs import check_knobs
from study.run.prepare import prepare_task
from training.fusion import pretrain_parts
from training.settings import CellSettings
from training.weights import weights_available

_PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """Images per part of every fold of one task (one fold without cross-validation).

    From the data where they are here, else from the published counts.
    """

    counts: tuple[Mapping[str, int], ...] | None
    source: str
    missing: str | None
    notes: tuple[str, ...] = ()


def plan_task(name: str, config: TaskConfig, data_root: Path | None) -> TaskPlan:
    """Counts of a task's split, and the steps to get its data where they are missing."""
    info = dataset_info(config.dataset)
    available, reason = dataset_available(config.dataset, data_root, config.options)
    if available:
        task = prepare_task(name, config, data_root)
        audit = audit_if_known(task)
        return TaskPlan(
            counts=task.all_counts(),
            source="the images on this machine",
            missing=None,
            notes=(*task.notes, *(() if audit is None else note_lines(audit))),
        )
    steps = "\n".join(f"  {i}. {step}" for i, step in enumerate(info.steps, start=1))
    missing = f"Data set `{config.dataset}` of task `{name}`: {reason}\n{steps}"
    if info.class_counts is None or config.split.fixed:
        return TaskPlan(counts=None, source="unknown until the data are here", missing=missing)
    positive = sum(info.class_counts.get(label, 0) for label in config.positive)
    total = sum(info.class_counts.values())
    if config.split.folds:
        counts = fold_counts(total, folds=config.split.folds, val=config.split.val)
    else:
        shares = {part: getattr(config.split, part) for part in _PARTS}
        counts = [split_counts({"1": positive, "0": total - positive}, **shares)]
    return TaskPlan(
        counts=tuple(counts),
        source="the published class counts",
        missing=missing,
    )


def print_dry_run(
    console: Console,
    config: StudyConfig,
    cells: Sequence[Cell],
    *,
    data_root: Path | None,
    weights_dir: Path,
) -> None:
    """Print what `study run-grid` would do; nothing is trained or written.

    Raises
    ------
    ValueError : a factor of the grid does not act (see study/run/knobs.py)
    """
    frozen = [CellSettings(**cell.columns).has_fixed_features() for cell in cells]  # refuses what cannot run
    used = {cell.task for cell in cells}
    tasks = {n: plan_task(n, t, data_root) for n, t in config.tasks.items() if n in used}
    groups = group_cells(cells)
    console.print(f"Study [bold]{config.name}[/]: [bold]{len(cells)} cells[/] in {len(groups)} groups")
    console.print(_task_table(tasks))
    for name, task in tasks.items():
        for note in task.notes:
            console.print(f"{name}: {escape(note)}", highlight=False)
    trunks = new_trunks(groups)
    costs = {
        key: group_cost(members, counts[members[0].fold], trunks=trunks[key])
        for key, members in groups.items()
        if (counts := tasks[members[0].task].counts) is not None
    }
    folded = [name for name in tasks if config.tasks[name].split.folds]
    console.print(_group_table(groups, costs, folded=folded))
    if any(frozen):
        console.print(
            "The cells of a group share one pass of the frozen backbone over the augmented images of each "
            "epoch, and one over validation and test."
        )
    if not all(frozen):
        console.print(
            "Cells that train layers of the backbone, or whose frozen BatchNorm is live, share the layers "
            "below alone."
        )
    _print_cost(console, list(costs.values()))
    _print_missing(console, tasks, groups, weights_dir)
    _print_knobs(console, config, cells, tasks)


def _print_knobs(
    console: Console, config: StudyConfig, cells: Sequence[Cell], tasks: Mapping[str, TaskPlan]
) -> None:
    """Check that every factor acts; what the run would refuse is refused here too."""
    sizes = {
        (name, fold): counts["train"]
        for name, task in tasks.items()
        for fold, counts in enumerate(task.counts or ())
    }
    try:
        for note in check_knobs(config, cells, cuda=None, n_train=sizes):
            console.print(escape(note), highlight=False)
    except ModuleNotFoundError as error:
        console.print(f"Whether every factor acts was not checked: it needs `{error.name}`.", highlight=False)


def _task_table(tasks: Mapping[str, TaskPlan]) -> Table:
    table = Table(title="Images per split", title_justify="left")
    for column in ("task", *_PARTS, "counted from"):
        table.add_column(column, justify="right" if column in _PARTS else "left")
    for name, task in tasks.items():
        folds = task.counts or ({},)
        for fold, counts in enumerate(folds):
            shown = name if len(folds) == 1 else f"{name}, fold {fold}"
            table.add_row(shown, *(str(counts.get(part, "?")) for part in _PARTS), task.source)
    return table


def _group_table(
    groups: Mapping[tuple[Any, ...], list[Cell]],
    costs: Mapping[tuple[Any, ...], GroupCost],
    *,
    folded: Collection[str],
) -> Table:
    table = Table(title="Groups", title_justify="left")
    left, right = ["task", "pretrain", "backbone"], ["side", "cells", "backbone passes", "minutes"]
    trained = any(m[0].recipe["unfreeze"] != 0 for m in groups.values())
    for column in (*left, *(["unfreeze"] if trained else []), *right):
        table.add_column(column, justify="left" if column in left else "right")
    for key, members in groups.items():
        recipe, cost = members[0].recipe, costs.get(key)
        table.add_row(
            members[0].task + (f", fold {members[0].fold}" if members[0].task in folded else ""),
            recipe["pretrain"],
            recipe["backbone"],
            *([str(recipe["unfreeze"])] if trained else []),
            f"{recipe['image_size']} px",
            str(len(members)),
            f"{cost.images:,}" if cost else "?",
            f"{cost.seconds / 60:.1f}" if cost else "?",
        )
    return table


def _print_cost(console: Console, costs: Sequence[GroupCost]) -> None:
    if not costs:
        return
    images, alone = sum(c.images for c in costs), sum(c.images_alone for c in costs)
    trunk, heads = sum(c.trunk_seconds for c in costs), sum(c.head_seconds for c in costs)
    console.print(
        f"Estimate on two CPU cores: [bold]{in_words(trunk + heads)}[/] "
        f"({in_words(trunk)} backbone, {in_words(heads)} heads); {images:,} images through a backbone, "
        f"{alone / images:.0f} times fewer than one cell at a time ({alone:,}). "
        "A rough figure: machines differ."
    )


def _print_missing(
    console: Console,
    tasks: Mapping[str, TaskPlan],
    groups: Mapping[tuple[Any, ...], list[Cell]],
    weights_dir: Path,
) -> None:
    missing = [task.missing for task in tasks.values() if task.missing]
    pairs = dict.fromkeys(
        (part, m[0].recipe["backbone"])
        for m in groups.values()
        for part in pretrain_parts(m[0].recipe["pretrain"])
    )
    for pretrain, backbone in pairs:
        available, steps = weights_available(pretrain, backbone, weights_dir)
        if not available and pretrain == "phantom":
            console.print(f"Weights phantom/{backbone} are not made yet; the run makes them first.")
        elif not available:
            missing.append(f"Weights {pretrain}/{backbone}: {steps}")
    if not missing:
        console.print("Nothing is missing on this machine.")
        return
    console.print(f"[bold]Missing on this machine[/] ({len(missing)}):")
    for text in missing:
        console.print(escape(text), highlight=False)
