"""Train the cells of a group whose trunk is trained, or whose frozen BatchNorm layers are live.

Cells that fit into memory together advance epoch by epoch: the frozen layers below give the maps of one epoch
once, every cell trains that epoch on them on a worker of its own, then comes the next epoch. A cell reads
nothing that another one writes, so it gives the same bits alone, in any order and in any company.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

import torch
from torch import nn

from training.backbones import FrozenTrunk, Trunk
from training.fit_unfrozen import UnfrozenCell
from training.frozen import FrozenCheck
from training.group_heads import BYTES_PER_PARAMETER, HEAD_MEMORY
from training.group_input import part_labels
from training.group_parts import GroupContext, LoadedTrunk, Trained, probed_notes
from training.heads import head_parameters
from training.settings import FEATURES, CellJob, CellSettings
from training.trunk_inputs import InputTable, TrunkInputs
from training.unfrozen_model import first_owned_child, owned_children
from training.workers import run_tasks


class UnfrozenCells:
    """Cells that own layers of the trunk."""

    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._loaded = LoadedTrunk(context, context.weights)
        settings = context.settings
        shared = f"{self._loaded.key.group_key()} {first_owned_child(settings)} {settings.frozen_batchnorm}"
        self.group_key = hashlib.sha256(shared.encode()).hexdigest()[:16]
        self.n_features = FEATURES[settings.backbone]
        self.notes: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Load the trunk and probe its BatchNorm layers.

        TypeError : the trunk is not one of `training.backbones`
        """
        trunk = self._loaded.get()
        if not isinstance(trunk, FrozenTrunk):
            raise TypeError(f"Unfreezing needs a FrozenTrunk to start from; got {type(trunk).__name__}.")
        self.notes = probed_notes(self._context, [self._loaded])
        self._trunk = trunk.to(self._context.device)
        self._trunk.to(memory_format=torch.channels_last)

    def train(self, jobs: Sequence[CellJob]) -> Generator[tuple[int, Trained | Exception], None, None]:
        """Train cells, those together whose tensors fit into HEAD_MEMORY."""
        context = self._context
        inputs = TrunkInputs(
            group=context.group,
            trunk=self._trunk,
            stop=first_owned_child(context.settings),
            augmentation=context.settings.augmentation,
            preprocessing=context.settings.preprocessing,
            device=context.device,
            workers=context.workers,
            folder=context.store.features_dir(self.group_key),
        )
        report = _Report(context, jobs)
        for cohort in _cohorts([self._resident_bytes(job.settings) for job in jobs]):
            yield from _Cohort(context, self._trunk, inputs, report).train({p: jobs[p] for p in cohort})

    def _resident_bytes(self, settings: CellSettings) -> int:
        owned = [p for name in owned_children(settings) for p in self._trunk.child(name).parameters()]
        trunk = sum(parameter.numel() for parameter in owned)
        return BYTES_PER_PARAMETER * (trunk + head_parameters(settings, self.n_features))


class _Cohort:
    """Cells that advance together."""

    def __init__(
        self, context: GroupContext, trunk: FrozenTrunk, inputs: TrunkInputs, report: _Report
    ) -> None:
        self._context, self._trunk, self._inputs, self._report = context, trunk, inputs, report
        self._check = FrozenCheck("The frozen trunk", trunk.state_dict)

    def train(self, jobs: dict[int, CellJob]) -> Generator[tuple[int, Trained | Exception], None, None]:
        cells: dict[int, UnfrozenCell] = {}
        labels = part_labels(self._context.group, self._context.manifest)
        for position, job in jobs.items():
            try:
                cells[position] = UnfrozenCell(job, self._trunk, labels=labels, device=self._context.device)
            except Exception as error:
                self._report.ended(job, epochs=0)
                yield position, error
        if not cells:
            return
        try:
            val, test = self._inputs.table("val"), self._inputs.table("test")
        except Exception as error:
            yield from self._fail(cells, error)
            return
        epoch = 0
        activations = activation_bytes(next(iter(jobs.values())).settings)
        while cells:
            try:
                train = self._inputs.table("train", epoch)
            except Exception as error:
                yield from self._fail(cells, error)
                return
            order = list(cells)
            tasks = [_task(cells[p], train, val, test) for p in order]
            sizes = [activations * cells[p].job.settings.batch_size for p in order]
            with closing(
                run_tasks(tasks, workers=self._context.workers, sizes=sizes, budget=HEAD_MEMORY)
            ) as ended:
                for place, outcome in ended:
                    if outcome is None:
                        self._report.epoch()
                        continue
                    cell = cells.pop(order[place])
                    self._report.ended(cell.job, epochs=epoch)
                    yield order[place], self._checked(outcome)
            epoch += 1

    def _checked(self, outcome: Trained | Exception) -> Trained | Exception:
        """The outcome, unless the shared trunk has changed: then nothing that read it can be trusted."""
        try:
            self._check.check()
        except RuntimeError as error:
            return error
        return outcome

    def _fail(
        self, cells: dict[int, UnfrozenCell], error: Exception
    ) -> Generator[tuple[int, Trained | Exception], None, None]:
        for position, cell in cells.items():
            self._report.ended(cell.job, epochs=cell.epoch)
            yield position, error


class _Report:
    """Images that went through the trunk for all cells, reported as progress."""

    def __init__(self, context: GroupContext, jobs: Sequence[CellJob]) -> None:
        self._progress = context.progress
        self._n = len(context.group.rows["train"])
        self._total = self._n * sum(job.settings.epochs for job in jobs)
        self._done = 0

    def epoch(self) -> None:
        """A cell has trained one epoch."""
        self._add(1)

    def ended(self, job: CellJob, *, epochs: int) -> None:
        """A cell has ended after so many reported epochs, with success or not."""
        self._add(job.settings.epochs - epochs)

    def _add(self, epochs: int) -> None:
        self._done += epochs * self._n
        if self._progress is not None:
            self._progress.features(self._done, self._total)


def _task(
    cell: UnfrozenCell, train: InputTable, val: InputTable, test: InputTable
) -> Callable[[threading.Event], Trained | None]:
    """One epoch of a cell; gives the trained cell after its last epoch, else None."""

    def work(stop: threading.Event) -> Trained | None:
        cell.train_epoch(train, val, stop=stop)
        if not cell.finished:
            return None
        return Trained(result=cell.result(test), seconds=cell.seconds)

    return work


def _cohorts(sizes: Sequence[int]) -> list[list[int]]:
    """Positions cut into runs whose bytes fit into HEAD_MEMORY; a larger cell stands alone."""
    cohorts: list[list[int]] = []
    used = 0
    for position, size in enumerate(sizes):
        if not cohorts or used + size > HEAD_MEMORY:
            cohorts.append([])
            used = 0
        cohorts[-1].append(position)
        used += size
    return cohorts


def activation_bytes(settings: CellSettings) -> int:
    """Bytes per image that the trained layers keep for the backward pass, roughly: outputs of all layers."""
    with torch.device("meta"):
        trunk = Trunk(settings.backbone).eval()  # train mode refuses one image of 1 x 1 maps
        x = torch.empty(1, 3, settings.image_size, settings.image_size)
    start = (settings.trained_children() or (None,))[0]
    if start is None:
        return 0
    x = trunk.maps(x, stop=start)
    total = 0

    def add(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output.numel() * output.element_size()

    for module in trunk.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            module.register_forward_hook(add)
    trunk.maps(x, start=start)
    return total
