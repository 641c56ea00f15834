"""What `study stats` prints: result tables rounded for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from rich.console import Console

from manuscript.text import metric_label
from stats.levels import level_names, levels
from stats.results import records
from study.analyses.grid_data import varied_columns
from study.analyses.sentences import within
from study.rich_tables import interval, number, p_text, print_table

_TITLES: dict[str, tuple[str, str, str | None]] = {
    "delong": ("DeLong: best cell per arm, same test images", "AUC", "z"),
    "mcnemar": ("McNemar: the same cells at threshold 0.5", "accuracy", "chi-square"),
    "non-inferiority": ("Non-inferiority of AUCs", "AUC", "z"),
    "equivalence": ("Equivalence of AUCs", "AUC", "z"),
    "recipe": ("Recipes: mean AUC over seeds or folds", "AUC", "z or t"),
    "roc": ("Parts of the ROC curves", "value", None),
    "threshold": ("Rates at thresholds chosen on validation", "rate", None),
    "calibration": ("Brier scores (lower is better)", "score", None),
    "wilcoxon": ("Wilcoxon over the cells of the grid", "median", "W or V"),
    "permutation": ("Exact permutation tests over matched cells", "mean", None),
    "contrast": ("Contrasts of marginal means", "mean", "t"),
}


def print_results(console: Console, tables: Mapping[str, pd.DataFrame]) -> None:
    """Print metrics by factor, comparisons, mixed models, then one sentence per comparison."""
    _metrics(console, tables["metrics"])
    comparisons = tables["comparisons"]
    for analysis in _TITLES:
        rows = comparisons[comparisons["analysis"] == analysis]
        if len(rows):
            print_comparisons(console, rows, analysis)
    _estimates(console, tables["estimates"])
    _mixed(console, tables)
    _audit(console, tables["data_audit"])
    console.print("What was found", style="bold")
    if tables["findings"].empty:
        console.print("The plan holds no comparison.")
    for row in records(tables["findings"]):
        mark = "" if row["planned"] else " (not planned)"
        console.print(f"- {row['sentence']}{mark}")


def _audit(console: Console, audit: pd.DataFrame) -> None:
    """Errors and warnings of the audit before training, one line each; nothing where there are none."""
    told = audit[audit["severity"] != "note"]
    if told.empty:
        return
    console.print("What the audit of the data found", style="bold")
    for row in records(told):
        console.print(f"- {row['task']}: {row['severity']}: {row['sentence']}")


def _metrics(console: Console, metrics: pd.DataFrame) -> None:
    """Cells, mean, spread and best of the AUCs per task and level of every varied factor."""
    varied = varied_columns(metrics)
    rows = []
    for task in dict.fromkeys(metrics["task"]):
        own = metrics[metrics["task"] == task]
        rows.append((task, "all cells", *_summary(own)))
        for name in [name for name in varied if name != "task"]:
            named = level_names(own[name])
            rows += [
                (task, f"{name} {level}", *_summary(own[(named == level).to_numpy(dtype=bool)]))
                for level in levels(own[name].dropna()).names
            ]
    columns = ("task", "cells", "n", "val AUC", "test AUC", "SD", "lowest", "highest", "collapsed")
    print_table(console, "AUC by factor (means over cells)", columns, rows, texts=2)


def _summary(cells: pd.DataFrame) -> tuple[str, ...]:
    test = cells["test_auc"]
    spread = test.std(ddof=1) if len(test) > 1 else None
    return (
        str(len(cells)),
        number(cells["val_auc"].mean(), 3),
        number(test.mean(), 3),
        number(spread, 3),
        number(test.min(), 3),
        number(test.max(), 3),
        str(int(cells["collapsed"].astype(bool).sum())),
    )


def print_comparisons(console: Console, rows: pd.DataFrame, analysis: str, *, mark: bool = True) -> None:
    """One table; `mark` says which comparisons were not planned."""
    title, value, statistic = _TITLES[analysis]
    several = analysis in ("roc", "threshold")
    adjusted = not (rows["p_adjusted"].isna() | (rows["p_adjusted"] == rows["p_value"])).all()
    shown = []
    for row in records(rows):
        tagged = row["planned"] or not mark
        line = [
            "" if pd.isna(row["task"]) else str(row["task"]),
            " ".join(
                filter(None, (str(row["comparison"]), within(row), None if tagged else "(not planned)"))
            ),
            *([str(row["metric"])] if several else []),
            f"{number(row['estimate_a'], 3)} / {number(row['estimate_b'], 3)}",
            number(row["estimate"], 3),
            interval(row["conf_low"], row["conf_high"], 3),
            *([] if statistic is None else [number(row["statistic"], 1 if analysis == "wilcoxon" else 2)]),
            p_text(row["p_value"]),
        ]
        shown.append([*line, p_text(row["p_adjusted"])] if adjusted else line)
    level = f"{100 * rows['conf_level'].iloc[0]:g}% interval"
    names = ["task", "comparison", *(["metric"] if several else [])]
    columns = [*names, f"{value} a / b", "a - b", level, *filter(None, [statistic]), "p"]
    print_table(console, title, [*columns, "p adj."] if adjusted else columns, shown, texts=len(names))


def _estimates(console: Console, rows: pd.DataFrame) -> None:
    """The arms' own values: metrics as rows, one table per task and kind."""
    for (task, analysis), part in rows.groupby(["task", "analysis"], sort=False):
        if analysis == "winner":
            shown = [
                (
                    str(row["comparison"]),
                    str(row["arm_a"] or ""),
                    number(row["estimate"], 3),
                    interval(row["conf_low"], row["conf_high"], 3),
                )
                for row in records(part)
            ]
            title = f"{task}: what the choice of the best cell adds to its value"
            print_table(console, title, ("estimate", "cell", "value", "interval"), shown, texts=2)
            continue
        arms = list(dict.fromkeys(part["comparison"]))
        lines = []
        for metric in dict.fromkeys(part["metric"]):
            own = part[part["metric"] == metric].drop_duplicates("comparison").set_index("comparison")
            values = [
                f"{number(own.loc[arm, 'estimate'], 3)} "
                f"({interval(own.loc[arm, 'conf_low'], own.loc[arm, 'conf_high'], 3)})"
                if arm in own.index
                else "-"
                for arm in arms
            ]
            lines.append((metric_label(str(metric)), *values))
        name = "Calibration" if analysis == "calibration" else _TITLES[str(analysis)][0]
        print_table(console, f"{task}: {name}, each arm", ("", *arms), lines)


def _mixed(console: Console, tables: Mapping[str, pd.DataFrame]) -> None:
    for model in records(tables["mixed_models"]):
        fixed = tables["mixed_fixed"]
        random = tables["mixed_random"]
        console.print(f"Mixed model {model['model']}: {model['formula']}", style="bold")
        own = fixed[fixed["model"] == model["model"]]
        if len(own):
            rows = [
                (
                    row["term"],
                    number(row["estimate"]),
                    number(row["std_error"]),
                    number(row["df"], 2),
                    number(row["statistic"], 3),
                    p_text(row["p_value"]),
                    interval(row["conf_low"], row["conf_high"]),
                )
                for row in records(own)
            ]
            columns = ("term", "estimate", "SE", "df", "t", "p", "interval")
            print_table(console, f"{model['n']} cells, df by {model['df_method']}", columns, rows)
            tests = tables["mixed_tests"]
            _term_tests(console, tests[tests["model"] == model["model"]])
            variances = [
                (
                    row["group"],
                    "" if pd.isna(row["term"]) else row["term"],
                    number(row["variance"], 6),
                    number(row["std_dev"], 5),
                )
                for row in records(random[random["model"] == model["model"]])
            ]
            title = f"Variances (REML criterion {number(model['criterion'])})"
            print_table(console, title, ("group", "term", "variance", "std. dev."), variances, texts=2)
            shares = tables["mixed_shares"]
            shown = [
                f"{row['group']} {100 * row['share']:.1f}%"
                for row in records(shares[shares["model"] == model["model"]])
            ]
            console.print(
                f"Unexplained variance: {', '.join(shown)}. R2 marginal {number(model['r2_marginal'], 3)}, "
                f"conditional {number(model['r2_conditional'], 3)}.\n"
            )
        if not pd.isna(model["note"]):
            console.print(f"Note: {model['note']}.\n", style="yellow")


def _term_tests(console: Console, tests: pd.DataFrame) -> None:
    """F tests where a term has several coefficients (else t says it), and each random term left out."""
    fixed, random = tests[tests["part"] == "fixed"], tests[tests["part"] == "random"]
    if (fixed["df1"] > 1).any():
        rows = [
            (r["term"], str(r["df1"]), number(r["df2"], 2), number(r["statistic"], 3), p_text(r["p_value"]))
            for r in records(fixed)
        ]
        print_table(console, "F tests of the terms (type III)", ("term", "df1", "df2", "F", "p"), rows)
    removed = [
        (r["term"], str(r["df1"]), number(r["statistic"], 3), p_text(r["p_value"])) for r in records(random)
    ]
    columns = ("term left out", "df", "chi-square", "p")
    print_table(console, "Tests of the random terms (likelihood ratio, conservative)", columns, removed)
