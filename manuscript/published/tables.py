"""Tables of the report of the published grid: printed beside computed, and what lies beyond the paper."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from great_tables import GT

from manuscript.published.compare import TABLE_NAMES
from manuscript.published.from_summaries import COUNTS, PAIRS
from manuscript.published.value import PublishedValue
from manuscript.tables import styled
from manuscript.text import MINUS, degrees, integer, interval, number, p_value

TASK_NAMES = {"acl": "ACL tear", "breast": "Breast lesion"}
_VERDICT_WORDS = {
    "equal": "yes",
    "within rounding": "within rounding",
    "optimiser": "but for optimiser",
    "not equal": "no",
}
_NOTES = {
    "within rounding": "Within rounding: inputs that round to the printed ones give the printed value.",
    "optimiser": "But for optimiser: the last digit depends on where optimisers stop; the optimum is shown.",
}


def comparison_table(values: Sequence[PublishedValue]) -> GT:
    """Every printed value beside the computed one, with the verdict and what it was computed from."""
    columns = {
        "Table": [TABLE_NAMES[value.table] for value in values],
        "Row": [_row_name(value.row) for value in values],
        "Quantity": [value.quantity for value in values],
        "Printed": [_plain(value.printed) for value in values],
        "Computed": [_plain(value.shown) for value in values],
        "Equal": [_VERDICT_WORDS[value.verdict] for value in values],
    }
    notes = [note for verdict, note in _NOTES.items() if verdict in {value.verdict for value in values}]
    sources = {value.computed.source for value in values}
    if len(sources) > 1:
        columns["From"] = [value.computed.source for value in values]
    if sources & {PAIRS, COUNTS}:
        notes.append("From pairs or counts of images: the nearest value that the number of images allows.")
    return styled(pd.DataFrame(columns), numbers=["Printed", "Computed"], groups="Table", notes=notes)


def levels_table(values: Sequence[PublishedValue]) -> GT:
    """The levels of every factor, printed beside those in the published grid."""
    frame = pd.DataFrame(
        {
            "Factor": [value.row for value in values],
            "Printed": [_plain(value.printed) for value in values],
            "In the grid": [_plain(value.shown) for value in values],
            "Equal": [_VERDICT_WORDS[value.verdict] for value in values],
        }
    )
    return styled(frame, bold="Factor")


def replicates_table(rows: pd.DataFrame) -> GT:
    """Spread of runs that repeat each other; `rows` has REPLICATE_COLUMNS."""
    frame = pd.DataFrame(
        {
            "Heads": rows["heads"].str.replace(", ", " and "),
            "Task": rows["task"].map(TASK_NAMES).fillna("Both"),
            "Pairs": rows["n"].map(integer),
            "SD of a run": rows["sd_of_a_run"].map(lambda value: number(value, 4)),
            "Largest gap": rows["largest_gap"].map(number),
            "Ratio 1.0 − 0.5 (interval)": [
                f"{number(row.mean_difference, 4)} ({interval(row.conf_low, row.conf_high)})"
                for row in rows.itertuples()
            ],
            "p": rows["p_value"].map(p_value),
        }
    )
    numbers = [name for name in frame.columns if name not in ("Heads", "Task")]
    return styled(frame, numbers=numbers, notes=["Exact permutation tests of matched pairs."])


def slices_table(slices: pd.DataFrame) -> GT:
    """The pretraining within each task and backbone, over matched cells."""
    frame = pd.DataFrame(
        {
            "Task": slices["task"].map(TASK_NAMES),
            "Backbone": slices["backbone"],
            "Pairs": slices["n"].map(integer),
            "ImageNet": slices["estimate_a"].map(number),
            "RadImageNet": slices["estimate_b"].map(number),
            "Difference (interval)": [
                f"{number(row.estimate)} ({interval(row.conf_low, row.conf_high)})"
                for row in slices.itertuples()
            ],
            "p": slices["p_value"].map(p_value),
        }
    )
    numbers = [name for name in frame.columns if name not in ("Task", "Backbone")]
    return styled(frame, numbers=numbers, groups="Task", notes=["Exact permutation tests of matched cells."])


def interactions_table(rows: pd.DataFrame) -> GT:
    """F tests of the pretraining and its interactions."""
    frame = pd.DataFrame(
        {
            "Term": rows["term"].str.replace(":", " × "),
            "F": rows["statistic"].map(lambda value: number(value, 2)),
            "df": [f"{degrees(row.df1)}; {degrees(round(row.df2, 1))}" for row in rows.itertuples()],
            "p": rows["p_value"].map(p_value),
        }
    )
    return styled(frame, numbers=["F", "df", "p"], notes=["Satterthwaite degrees of freedom."])


def collapsed_table(rows: pd.DataFrame) -> GT:
    """Models that predict one class only; `rows` has COLLAPSED_COLUMNS."""
    frame = pd.DataFrame(
        {
            "Task": rows["task"].map(TASK_NAMES),
            "Backbone": rows["backbone"],
            "Pretraining": rows["pretrain"],
            "Models": rows["n"].map(integer),
            "One class only": rows["n_collapsed"].map(integer),
            "All negative": rows["n_all_negative"].map(integer),
            "All positive": rows["n_all_positive"].map(integer),
        }
    )
    numbers = ["Models", "One class only", "All negative", "All positive"]
    return styled(frame, numbers=numbers, groups="Task")


def _row_name(row: str) -> str:
    task, _, rest = row.partition(" ")
    return " ".join(filter(None, (TASK_NAMES[task], rest))) if task in TASK_NAMES else row


def _plain(text: str) -> str:
    """A number with a true minus; a list of levels without brackets."""
    if text.startswith("["):
        return text.strip("[]").replace('"', "")
    return text.replace("-", MINUS, 1) if text.startswith("-") else text
