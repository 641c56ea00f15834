"""The table of findings: what was found, in words, in the order of the plan."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stats.results import records
from study.analyses.mixed_models import MixedResult
from study.analyses.sentences import comparison_sentence, mixed_sentence, pairs_sentence, winner_sentence
from study.config import AnalysisPlan

FINDING_COLUMNS = ("analysis", "task", "comparison", "planned", "sentence")


def findings_table(
    comparisons: pd.DataFrame,
    plan: AnalysisPlan,
    mixed: list[MixedResult],
    own_plan: AnalysisPlan | None,
    *,
    estimates: pd.DataFrame,
    pairs: pd.DataFrame,
) -> pd.DataFrame:
    """Return one text per comparison, winner, set of pairs and fixed effect, in FINDING_COLUMNS."""
    rows: list[dict[str, Any]] = [
        {
            "analysis": row["analysis"],
            "task": row["task"],
            "comparison": row["comparison"],
            "planned": row["planned"],
            "sentence": comparison_sentence(row, alpha=plan.alpha),
        }
        for row in records(comparisons)
    ]
    rows += _winner_findings(estimates) + _pair_findings(pairs, alpha=plan.alpha)
    for entry, fit in zip(plan.mixed, mixed, strict=True):
        key = {"analysis": "mixed", "task": None, "planned": is_planned(entry, own_plan, "mixed")}
        note = records(fit.models)[0]["note"]
        if fit.reason is not None:
            sentence = f"The model {entry.formula} could not be fitted: {fit.reason.rstrip('.')}."
            rows.append(key | {"comparison": entry.formula, "sentence": sentence})
        for row, meaning in zip(records(fit.fixed), fit.meanings, strict=True):
            if meaning.kind != "intercept":
                sentence = mixed_sentence(
                    row,
                    response=fit.response,
                    alpha=plan.alpha,
                    note=note,
                    meaning=meaning,
                )
                rows.append(key | {"comparison": f"{entry.formula}: {row['term']}", "sentence": sentence})
    return pd.DataFrame(rows, columns=list(FINDING_COLUMNS)).astype({"planned": bool})


def _winner_findings(estimates: pd.DataFrame) -> list[dict[str, Any]]:
    """One sentence per set of cells that a winner was chosen from."""
    found = estimates[estimates["analysis"] == "winner"].assign(
        chosen_from=lambda frame: frame["comparison"].map(lambda text: str(text).partition(":")[0])
    )
    return [
        {
            "analysis": "winner",
            "task": task,
            "comparison": name,
            "planned": bool(part["planned"].iloc[0]),
            "sentence": winner_sentence(records(part), chosen_from=str(name)),
        }
        for (_, task, name), part in found.groupby(["family", "task", "chosen_from"], sort=False)
    ]


def _pair_findings(pairs: pd.DataFrame, *, alpha: float) -> list[dict[str, Any]]:
    return [
        {
            "analysis": "pairs",
            "task": task,
            "comparison": "all pairs of cells",
            "planned": bool(part["planned"].iloc[0]),
            "sentence": pairs_sentence(records(part), alpha=alpha),
        }
        for (task, *_), part in pairs.groupby(["task", "adjust", "method"], sort=False, dropna=False)
    ]


def is_planned(entry: Any, own_plan: AnalysisPlan | None, kind: str) -> bool:
    """Whether an entry stands in the plan that was fixed with the study; None means that it is that plan."""
    return own_plan is None or entry in getattr(own_plan, kind)
