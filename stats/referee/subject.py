"""What is refereed: a study file, a store or a published grid, in one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from stats.levels import level_names
from stats.lmm.fit import LmmFit
from stats.lmm.formula import parse_formula

RUN_COLUMNS = ("task", "seed", "fold")
IMAGE_TESTS = ("delong", "mcnemar", "margin", "roc", "threshold", "calibration")  # of single chosen cells
CELL_TESTS = ("wilcoxon", "permutation", "mixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """One entry of the analysis plan, or one kind of test that a paper reports.

    Attributes
    ----------
    kind : "delong", "mcnemar", "wilcoxon", "mixed" ...
    contrast : factor that is compared, None for a mixed model
    value : metric of a cell, for tests over cells;  formula : of a mixed model
    select : validation metric that chooses the cell of each arm, for tests over images
    by_patient : images of one patient count together;  paired : cells are matched
    adjust : adjustment for multiplicity, None where the kind has none
    """

    kind: str
    contrast: str | None = None
    value: str | None = None
    formula: str | None = None
    select: str | None = None
    by_patient: bool = False
    paired: bool = False
    adjust: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Test images that are no new ones.

    kind : "patient", "copy" or "image" (of the same patient, of the same picture, the very image)
    part : "train" or "test", where the others of the kind lie
    share, n : of the test images; `expected`: worked out for a split by image, not counted
    rows : the first of them
    """

    kind: Literal["patient", "copy", "image"]
    part: Literal["train", "test"]
    share: float
    n: int | None
    expected: bool = False
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """Images of a task; None where they are not known (a study file before its data are read).

    split_by : "patient", "image" or "given"
    design_effects : per chosen model cell_id, auc, images_per_patient, design_effect (variance of its AUC by
        patient over that by image)
    """

    task: str
    n_val: int | None = None
    n_val_positive: int | None = None
    n_test: int | None = None
    n_test_positive: int | None = None
    n_test_patients: int | None = None
    split_by: str | None = None
    leaks: tuple[Leak, ...] = ()
    design_effects: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Cells that repeat each other though their labels differ.

    kind : "inert" (settings that do not act), "equal" (the same predictions, bit by bit), "levels" (levels
        that make the same training by design)
    factors : what differs in their labels;  text : a sentence;  n_sets : how many sets of such cells
    within : column -> levels of the cells in which the factor is inert; all cells where empty
    rows : the first sets
    """

    kind: Literal["inert", "equal", "levels"]
    factors: tuple[str, ...]
    text: str
    n_sets: int
    within: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A study, before or after its cells are trained.

    Attributes
    ----------
    kind : "study", "store" or "published"
    cells : every planned cell: task, seed, fold (missing or null where there are none), factors, status
    factors : columns of `cells` with two levels or more, other than task, seed and fold
    plan : planned tests;  planned : whether they were fixed before the results;  alpha : their level
    tasks : facts on images
    metrics : a row per done cell (see `stats.metrics.metrics_table`); None before training
    comparisons, estimates : result rows (RESULT_COLUMNS), None where none were computed
    selected : task, contrast, arm, cell_id, val_auc, collapsed_in of the chosen cells, else None
    repeats : cells that repeat each other
    fits, unfitted : mixed models of the plan by formula, and why others could not be fitted
    tuned_on : contrast -> arm whose trials chose the settings of all arms
    not_judged : why comparisons could not be judged, one text per reason
    """

    name: str
    kind: Literal["study", "store", "published"]
    cells: pd.DataFrame
    factors: tuple[str, ...]
    plan: tuple[PlannedTest, ...] = ()
    planned: bool = True
    alpha: float = 0.05
    tasks: tuple[TaskFacts, ...] = ()
    metrics: pd.DataFrame | None = None
    comparisons: pd.DataFrame | None = None
    estimates: pd.DataFrame | None = None
    selected: pd.DataFrame | None = None
    repeats: tuple[Repeat, ...] = ()
    fits: Mapping[str, LmmFit] = field(default_factory=dict)
    unfitted: Mapping[str, str] = field(default_factory=dict)
    tuned_on: Mapping[str, str] = field(default_factory=dict)
    not_judged: tuple[str, ...] = ()

    @property
    def n_seeds(self) -> int:
        """Seeds of the settings that have most; 1 where none are known."""
        if "seed" not in self.cells or self.cells["seed"].isna().all():
            return 1
        return int(self.cells["seed"].nunique())

    @property
    def n_folds(self) -> int:
        """Folds; 1 without cross-validation."""
        return max(1, int(self.cells["fold"].nunique())) if "fold" in self.cells else 1

    def tests(self, *kinds: str) -> list[PlannedTest]:
        """The planned tests of some kinds."""
        return [test for test in self.plan if test.kind in kinds]

    def contrasts(self, *kinds: str) -> list[str]:
        """Factors that tests of some kinds compare, each once."""
        return list(dict.fromkeys(t.contrast for t in self.tests(*kinds) if t.contrast is not None))

    @property
    def compared(self) -> tuple[str, ...]:
        """Factors of which a difference is claimed: contrasts of the plan, fixed effects of its models."""
        names = [test.contrast for test in self.plan if test.contrast is not None]
        for test in self.tests("mixed"):
            names += [name for term in parse_formula(str(test.formula)).terms for name in term]
        return tuple(name for name in dict.fromkeys(names) if name in self.factors)

    def task_names(self) -> list[str]:
        """Tasks in grid order."""
        return [str(task) for task in dict.fromkeys(self.cells["task"])]


def setting_keys(cells: pd.DataFrame, factors: tuple[str, ...], *, without: str | None = None) -> list[tuple]:
    """Return one key per cell from task, fold and factors: the cells of one key differ in the seed only."""
    names = [name for name in ("task", "fold", *factors) if name in cells and name != without]
    columns = [level_names(cells[name]).tolist() for name in names]
    return list(zip(*columns, strict=True)) if columns else [()] * len(cells)
