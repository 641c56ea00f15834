"""The original study as the referee sees it: its grid, its printed tests, what its code and paper say."""

from __future__ import annotations

from typing import Any

import pandas as pd
from scipy.special import ndtri

from data.published_grid import (
    ACL_SLICES_PER_EXAM,
    TEST_IMAGES,
    VALIDATION_IMAGES,
    load_printed_tables,
    load_published_grid,
)
from manuscript.published.from_summaries import ARMS, CONF_LEVEL, ImageCounts, reconstructed_mcnemar
from manuscript.published.replicates import INERT_HEADS
from manuscript.published.report import FACTORS, FORMULAS, NAMES, published_report
from stats.grids.image_split import expected_leak_share
from stats.lmm import fit_lmm
from stats.referee.subject import Leak, PlannedTest, Repeat, Subject, TaskFacts
from stats.results import ComparisonResult, results_frame

TRAIN_SHARE = 0.75
CONTRAST = f"pretrain: {ARMS[0]} - {ARMS[1]}"
PLAN = (
    PlannedTest(kind="delong", contrast="pretrain", select="val_auc"),
    PlannedTest(kind="mcnemar", contrast="pretrain", select="val_auc"),
    PlannedTest(kind="wilcoxon", contrast="pretrain", value="test_auc"),
    *(PlannedTest(kind="mixed", formula=text) for text in FORMULAS),
)
_INERT = (
    "`fc_ratio` does not act in the heads Conv and ConvSkip: the study's code, as far as it is "
    "published, builds "
    "them without it (so it does with the kernel size and the dropout probability)"
)


def published_subject() -> Subject:
    """Return the published grid with the tests that the paper reports on it and on its best models.

    The models are fitted as the paper did, with the file's levels of settings that a head does not use.
    """
    grid = load_published_grid().rename(columns=NAMES)
    report = published_report()
    metrics = report.cells.assign(
        n_test=[sum(TEST_IMAGES[task]) for task in report.cells["task"]],
        n_test_positive=[TEST_IMAGES[task][0] for task in report.cells["task"]],
    )
    inert = Repeat(kind="inert", factors=("fc_ratio",), text=_INERT, n_sets=64, within={"head": INERT_HEADS})
    return Subject(
        name="the published grid",
        kind="published",
        cells=metrics,
        factors=FACTORS,
        plan=PLAN,
        planned=False,
        tasks=tuple(_facts(task) for task in sorted(TEST_IMAGES)),
        metrics=metrics,
        comparisons=_comparisons(report.tables["comparisons"]),
        repeats=(inert,),
        fits={text: fit_lmm(text, grid) for text in FORMULAS},
        tuned_on={"pretrain": ARMS[0]},
    )


def _facts(task: str) -> TaskFacts:
    (m, n), (val_m, val_n) = TEST_IMAGES[task], VALIDATION_IMAGES[task]
    leaks: tuple[Leak, ...] = ()
    if task == "acl":
        share = expected_leak_share(ACL_SLICES_PER_EXAM, TRAIN_SHARE)
        rows = tuple(
            {"slices_of_an_exam": size, "exams": exams} for size, exams in ACL_SLICES_PER_EXAM.items()
        )
        leaks = (Leak(kind="patient", part="train", share=share, n=None, expected=True, rows=rows),)
    return TaskFacts(
        task=task,
        n_val=val_m + val_n,
        n_val_positive=val_m,
        n_test=m + n,
        n_test_positive=m,
        split_by="image",
        leaks=leaks,
    )


def _comparisons(tests: pd.DataFrame | None) -> pd.DataFrame:
    """The printed tests of the best models, then the rank-sum tests of the grid; none was adjusted."""
    printed = load_printed_tables().set_index(["table", "row", "quantity"])["printed"].to_dict()
    rows = []
    for task, (m, n) in TEST_IMAGES.items():
        images = ImageCounts(n_positive=m, n_negative=n)
        shared: dict[str, Any] = {"task": task, "comparison": CONTRAST, "arm_a": ARMS[0], "arm_b": ARMS[1]}
        rows.append(_delong(printed, task, images, shared))
        test = reconstructed_mcnemar(printed, task, images).to_result(variant="chi2_corrected")
        rows.append(
            ComparisonResult(
                **shared, analysis="mcnemar", metric="accuracy", method=test.method, n=images.n,
                estimate=test.estimate, p_value=test.p_value, planned=False,
            )
        )  # fmt: skip
    assert tests is not None
    ranks = tests[tests["analysis"] == "wilcoxon"].assign(planned=False, family=None, p_adjusted=float("nan"))
    return pd.concat([results_frame(rows), ranks], ignore_index=True)


def _delong(
    printed: dict[Any, str], task: str, images: ImageCounts, shared: dict[str, Any]
) -> ComparisonResult:
    first, second = (images.nearest_auc(float(printed["8", task, f"AUC {arm}"])) for arm in ARMS)
    low, high = (float(printed["8", task, name]) for name in ("lower limit", "upper limit"))
    return ComparisonResult(
        **shared, analysis="delong", metric="auc", method="DeLong, printed interval", planned=False,
        estimate_a=first, estimate_b=second, estimate=first - second, conf_low=low, conf_high=high,
        std_error=(high - low) / (2.0 * float(ndtri((1.0 + CONF_LEVEL) / 2.0))),
        p_value=float(printed["8", task, "p"]), n=images.n, n_positive=images.n_positive,
    )  # fmt: skip
