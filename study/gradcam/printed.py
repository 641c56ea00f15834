"""What `study gradcam` prints: the pictures, and what the maps are worth."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console

from stats.saliency.localisation import LOCALISATION_MEASURES
from study.gradcam.files import GRADCAM
from study.gradcam.tables import ALL_IMAGES
from study.rich_tables import interval, number, p_text, print_table

_AGREEMENT = (
    ("saliency_randomisation", "Agreement with the map after randomising down to", ("part",)),
    ("saliency_stability", "Agreement with the map of another seed", ("seed", "other_seed")),
)


def print_pictures(console: Console, rows: Sequence[pd.DataFrame]) -> None:
    """One line per picture: what it shows and how much of the map lies inside the lesion."""
    lines = [_picture(row) for part in rows for row in part.itertuples()]
    columns = ("task", "cell", "kind", "image", "true class", "score", "energy", "mask")
    print_table(console, "Grad-CAM of the predicted class, test images", columns, lines, texts=5)


def print_saliency(console: Console, tables: Mapping[str, pd.DataFrame]) -> None:
    """The tables of `study.gradcam.tables` that are given and have rows."""
    filled = {name: table for name, table in tables.items() if len(table)}
    if "saliency" in filled:
        means = filled["saliency"]
        _print_means(console, means[means["images"] == ALL_IMAGES])
    if "saliency_tests" in filled:
        _print_tests(console, filled["saliency_tests"])
    for name, title, keys in _AGREEMENT:
        if name in filled:
            _print_agreement(console, filled[name], title, keys)


def _picture(row: Any) -> tuple[str, ...]:
    shares = (row.energy_in_mask, row.mask_share)
    energy, share = (None if pd.isna(value) else float(value) for value in shares)
    words = (row.task, row.cell_id, row.kind, row.image_id, row.true_class)
    return (*words, number(row.score, 3), number(energy, 3), number(share, 3))


def _print_means(console: Console, means: pd.DataFrame) -> None:
    lines = []
    for (task, cell, arm, name), part in means.groupby(["task", "cell_id", "arm", "map"], sort=False):
        values = part.set_index("metric")
        shown = [
            _value(values.loc[metric], with_interval=name == GRADCAM) for metric in LOCALISATION_MEASURES
        ]
        lines.append((task, cell, arm, name, str(values["n"].iloc[0]), *shown))
    columns = ("task", "cell", "arm", "map", "images", "energy in lesion", "pointing game", "IoU")
    print_table(console, "Test images with a lesion, mean (interval)", columns, lines, texts=4)
    own = means[means["map"] == GRADCAM]
    for (task, arm, note), part in own[own["note"].notna()].groupby(["task", "arm", "note"], sort=False):
        console.print(f"{task}, {arm}, {', '.join(part['metric'])}: {note}", soft_wrap=True)


def _print_tests(console: Console, tests: pd.DataFrame) -> None:
    lines = [
        (
            row.task,
            row.comparison,
            f"{row.arm_a} - {row.arm_b}",
            row.metric,
            number(row.estimate, 3),
            interval(row.conf_low, row.conf_high, 3),
            p_text(row.p_value),
            p_text(row.p_adjusted),
        )
        for row in tests.itertuples()
    ]
    columns = ("task", "comparison", "arms", "measure", "difference", "interval", "p", "p adjusted")
    print_table(console, "Paired differences on the same images (not planned)", columns, lines, texts=4)


def _print_agreement(console: Console, rows: pd.DataFrame, title: str, keys: tuple[str, ...]) -> None:
    lines = []
    for names, part in rows.groupby(["task", "cell_id", "arm", *keys], sort=False):
        values = part.set_index("metric")
        shown = [_value(values.loc[metric], with_interval=True) for metric in ("rank_correlation", "ssim")]
        lines.append((*map(str, names), str(values["n"].iloc[0]), *shown))
    columns = ("task", "cell", "arm", *keys, "images", "rank correlation", "SSIM")
    print_table(console, title, columns, lines, texts=3 + len(keys))


def _value(row: Any, *, with_interval: bool) -> str:
    limits = interval(row["conf_low"], row["conf_high"], 3)
    value = number(row["estimate"], 3)
    return f"{value} ({limits})" if with_interval and limits != "-" else value
