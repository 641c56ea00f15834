"""What a task on another machine is told, and how it does it: from the store and the study's text alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from data.registry import load_dataset
from data.store import Store
from study.config import LoadedStudy, StudyConfig, parse_study
from study.grid import Cell, build_cells, select_cells
from study.run.divide import Division
from study.run.leases import Leases
from study.run.perform import Workshop
from study.run.portion import Portion
from study.run.prepare import PreparedTask, find_weights, make_missing, plan_cells
from study.run.progress import GridProgress
from study.run.runner import Runner
from study.run.share import Sharing
from study.run.units import Unit, make_units


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Units of one study to be done on whatever machine reads this; plain values, for any transport.

    Attributes
    ----------
    study, source : text of the study file, and its name in messages
    root, data_root, weights_dir : absolute paths that every machine must see
    units : names of the units; empty = none
    """

    study: str
    source: str
    only: tuple[str, ...]
    root: str
    data_root: str | None
    weights_dir: str
    device: str
    backend: str
    pack: int
    expiry: float
    units: tuple[str, ...] = ()


def make_order(
    study: LoadedStudy,
    only: Sequence[str],
    *,
    workshop: Workshop,
    data_root: Path | None,
    weights_dir: Path,
    portion: Portion,
) -> Order:
    """The order of a run, without units; paths are made absolute."""
    return Order(
        study=study.text,
        source=study.source,
        only=tuple(only),
        root=_absolute(workshop.store),
        data_root=None if data_root is None else str(data_root.resolve()),
        weights_dir=str(weights_dir.resolve()),
        device=workshop.device,
        backend=workshop.backend,
        pack=portion.pack or 1,
        expiry=portion.expiry,
    )


def _absolute(store: Store) -> str:
    """The store as every machine names it: an absolute path, or its URL."""
    return str(store.root.resolve()) if store.is_folder else store.where


def do_order(order: Order, *, job: str | None = None, threads: int | None = None) -> int:
    """Do the units of an order that are open and that no other runner holds; cells trained.

    `job` : see `study.run.runner.identity`; `threads` : cores to use, None = what torch finds

    Raises
    ------
    ValueError : this machine sees other data or weights than the one that gave the order
    """
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    store = Store.open(order.root)
    units, tasks = _planned_units(order, store)
    wanted = set(order.units)
    chosen = [unit for unit in units if unit.name in wanted]
    missing = wanted - {unit.name for unit in chosen}
    if missing:
        raise ValueError(
            f"{len(missing)} units of the order are not in the plan that this machine makes (first: "
            f"{sorted(missing)[0]}): its weights or the store's data differ from those of the machine that "
            f"gave the order. Weights are read from '{order.weights_dir}'; give a folder that all see."
        )
    groups = {unit.group for unit in chosen if unit.kind == "cells"}
    # A pack makes features that are missing, and the last one of a group finishes it.
    wanted |= {unit.name for unit in units if unit.kind in ("features", "finish") and unit.group in groups}
    chosen = [unit for unit in units if unit.name in wanted]
    workshop = Workshop(store=store, tasks=tasks, device=order.device, backend=order.backend)
    progress = GridProgress(Console(stderr=True, force_terminal=False))
    progress.expect(len({item.cell_id for unit in chosen if unit.kind != "finish" for item in unit.cells}))
    with Runner(store.place, expiry=order.expiry, job=job) as runner:
        shared = Sharing(
            units=chosen,
            workshop=workshop,
            runner=runner,
            leases=Leases(runner.place, runner),
            progress=progress,
            wait=False,
        ).run()
    return len(shared.trained)


def _planned_units(order: Order, store: Store) -> tuple[list[Unit], dict[str, PreparedTask]]:
    study = LoadedStudy(
        config=parse_study(order.study, source=order.source), text=order.study, source=order.source
    )
    grid = build_cells(study.config)
    cells = select_cells(grid, order.only, study.config)
    data_root = None if order.data_root is None else Path(order.data_root)
    tasks = _stored_tasks(store, study.config, cells, data_root)
    directory = Path(order.weights_dir)
    pairs = [(cell.recipe["pretrain"], cell.recipe["backbone"]) for cell in cells]
    weights = make_missing(
        find_weights(pairs, weights_dir=directory),
        weights_dir=directory,
        note=lambda text: None,
        report=lambda label, done, total: None,
    )
    planned = plan_cells(cells, tasks, weights, backend=order.backend)
    return make_units(planned, tasks, grid=grid, backend=order.backend, pack=order.pack), tasks


def _stored_tasks(
    store: Store, config: StudyConfig, cells: Sequence[Cell], data_root: Path | None
) -> dict[str, PreparedTask]:
    """The tasks as the store holds them: nothing is searched, audited or divided again."""
    tasks = {}
    for name in dict.fromkeys(cell.task for cell in cells):
        entry = config.tasks[name]
        division = Division(
            manifest=store.read_manifest(name),
            split=store.read_split(name),
            exclusions=store.read_exclusions(name),
            source={},
            notes=(),
        )
        dataset = load_dataset(entry.dataset, data_root=data_root, options=entry.options)
        tasks[name] = PreparedTask(name=name, config=entry, dataset=dataset, division=division)
    return tasks
