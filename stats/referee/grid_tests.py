"""Tests misused on a grid: dependent cells taken as independent, comparisons not adjusted or not planned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from stats.findings import Finding
from stats.grids.level_gaps import matched_levels
from stats.ranks.wilcoxon import rank_sum_test, signed_rank_test
from stats.referee.subject import PlannedTest, Subject
from stats.results import records

MANY_FAMILIES = 5
_DECIMALS = 9  # metrics are ratios of counts: equal ones may differ in the last digits


def grid_test_findings(subject: Subject) -> Iterator[Finding]:
    """Rank-sum tests over cells, missing adjustment, many families, comparisons outside the plan."""
    for test in subject.tests("wilcoxon"):
        if not test.paired and test.contrast in subject.factors:
            yield _rank_sum(subject, test)
    yield from _unadjusted(subject)
    yield from _unplanned(subject)


def _rank_sum(subject: Subject, test: PlannedTest) -> Finding:
    contrast = str(test.contrast)
    matched = [t for t in subject.tests("wilcoxon", "permutation") if t.contrast == contrast]
    matched = [t for t in matched if t.paired]
    rows = _matched_rows(subject, contrast, str(test.value))
    told = ""
    if rows:
        told = "; ".join(
            f"{row['task']}: cells matched in all else correlate by {row['correlation']:.2f}, rank-sum "
            f"p {row['p_rank_sum']:.2g}, signed-rank p {row['p_signed_rank']:.2g}"
            for row in rows
        )
        told = f" ({told})"
    return Finding(
        code="rank-sum-on-grid",
        severity="note" if matched else "warning",
        where=contrast,
        sentence=f"A rank-sum test takes all cells of `{contrast}` as independent observations of "
        f"{test.value}, "
        f"though cells share backbones, heads, training and test images{told}.",
        evidence=tuple(rows),
        why="The cells are the levels of a design, not a sample, and all of a task are scored on the "
        "same images: "
        "the p-value knows neither the matching nor the images."
        + (" The matched test stands beside it." if matched else ""),
        sources=("wilcoxon1945", "hurlbert1984"),
        do="Test the matched cells (paired = true, [[analysis.permutation]]) or model the design; "
        "generalise to "
        "new images with tests on images.",
    )


def _matched_rows(subject: Subject, contrast: str, value: str) -> list[dict[str, object]]:
    """Correlation of matched cells and both tests, per task, for a contrast of two levels."""
    if subject.metrics is None or value not in subject.metrics or subject.n_folds > 1:
        return []
    rows: list[dict[str, object]] = []
    for task, cells in subject.metrics.groupby("task", sort=True):
        match = [name for name in ("seed", *subject.factors) if name != contrast and name in cells]
        try:
            table = matched_levels(cells, contrast, match, value).dropna()
        except ValueError:
            continue
        if table.shape[1] != 2 or len(table) < 3:
            continue
        x, y = table.iloc[:, 0].round(_DECIMALS), table.iloc[:, 1].round(_DECIMALS)
        varies = x.nunique() > 1 and y.nunique() > 1
        rows.append(
            {
                "task": str(task),
                "pairs": len(table),
                "correlation": float(np.corrcoef(x, y)[0, 1]) if varies else float("nan"),
                "p_rank_sum": rank_sum_test(x, y).p_value,
                "p_signed_rank": signed_rank_test(x, y).p_value,
            }
        )
    return rows


def _unadjusted(subject: Subject) -> Iterator[Finding]:
    bare = [test for test in subject.plan if test.adjust == "none"]
    if subject.comparisons is None:
        if bare:
            yield _bare_finding([{"analysis": t.kind, "comparison": t.contrast} for t in bare], subject)
        return
    known = subject.comparisons[subject.comparisons["p_value"].notna()]
    kinds = {(test.kind, str(test.contrast)) for test in bare}
    factor = [str(name).partition(":")[0] for name in known["comparison"]]
    asked = pd.Series(
        [key in kinds for key in zip(known["analysis"], factor, strict=True)], index=known.index, dtype=bool
    )
    several = known.groupby("family", dropna=False)["p_value"].transform("size") > 1
    rows = known[known["p_adjusted"].isna() | (asked & several)]
    if len(rows) > 1:
        yield _bare_finding(records(rows[["analysis", "task", "comparison", "p_value"]]), subject)
    families = known["family"].dropna().nunique()
    if families >= MANY_FAMILIES:
        yield _families(subject, families, int(known["family"].notna().sum()))


def _bare_finding(rows: list[dict[str, object]], subject: Subject) -> Finding:
    chance = 1.0 - (1.0 - subject.alpha) ** len(rows)
    return Finding(
        code="unadjusted-comparisons",
        severity="warning",
        sentence=f"{len(rows)} p-values stand without adjustment for multiplicity; if nothing differs, "
        f"at least "
        f"one is below {subject.alpha:g} with a chance of up to {chance:.0%}.",
        evidence=tuple(rows),
        why="Each test has its own chance of a false alarm; a reader picks out the small ones.",
        sources=("bender2001",),
        do='Adjust within each question (adjust = "holm"), and name the one primary comparison.',
    )


def _families(subject: Subject, families: int, n: int) -> Finding:
    return Finding(
        code="many-families",
        severity="note",
        sentence=f"{n} comparisons in {families} families: adjusted within each, not across; about "
        f"{subject.alpha * families:.1f} families with a false alarm are to be expected if nothing differs.",
        evidence=({"families": families, "comparisons": n, "alpha": subject.alpha},),
        why="Adjustment within a family keeps its own level; the whole report has a larger one.",
        sources=("bender2001",),
        do="Say which comparison is primary, and call the others supportive.",
    )


def _unplanned(subject: Subject) -> Iterator[Finding]:
    if not subject.planned:
        yield Finding(
            code="no-plan",
            severity="warning",
            sentence=f"No plan fixed the {len(subject.plan)} kinds of tests before the results were known.",
            evidence=tuple({"test": t.kind, "of": t.contrast or t.formula} for t in subject.plan),
            why="A test chosen among many after a look at the data rejects too often.",
            sources=("collins2024",),
            do="Fix comparisons, metric and level beforehand (a study file does), or call the results "
            "exploratory.",
        )
        return
    rows = subject.comparisons
    extra = rows[~rows["planned"].astype(bool)] if rows is not None else None
    if extra is not None and len(extra):
        yield Finding(
            code="unplanned-comparisons",
            severity="warning",
            sentence=f"{len(extra)} of {len(rows) if rows is not None else 0} comparisons are outside "
            f"the plan of "
            "the study.",
            evidence=tuple(records(extra[["analysis", "task", "comparison", "p_value"]])),
            why="A comparison that was added after the results were known is exploratory.",
            sources=("collins2024",),
            do="Mark them as exploratory in the text; confirm them on new images.",
        )
