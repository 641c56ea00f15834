"""Numbers and lists as words: the one place where the manuscript rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

MISSING = "–"
MINUS = "−"

METRIC_LABELS = {
    "auc": "AUC",
    "test_auc": "Test AUC",
    "val_auc": "Validation AUC",
    "test_f1": "Test F1",
    "val_f1": "Validation F1",
    "test_accuracy": "Test accuracy",
    "val_accuracy": "Validation accuracy",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "Matthews' correlation",
    "calibration_in_the_large": "Calibration in the large",
    "calibration_intercept": "Calibration intercept",
    "calibration_slope": "Calibration slope",
    "brier": "Brier score",
    "brier_scaled": "Scaled Brier score",
    "ece": "Calibration error (debiased)",
    "energy": "Energy in lesion",
    "pointing": "Pointing game",
    "iou": "IoU",
    "rank_correlation": "Rank correlation",
    "ssim": "SSIM",
}


def number(value: Any, digits: int = 3) -> str:
    """Fixed decimals with a true minus sign; `–` for a missing value, `0.000` never `−0.000`."""
    if pd.isna(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    shown = f"{value:.{digits}f}"
    if float(shown) == 0:
        return shown.lstrip("-")
    return shown.replace("-", MINUS)


def auc(value: Any) -> str:
    """An AUC with three decimals."""
    return number(value, 3)


def p_value(value: Any) -> str:
    """`0.043`, `< 0.001`, `> 0.999`; never a p-value of exactly 0 or 1."""
    if pd.isna(value):
        return MISSING
    if not 0 <= value <= 1:
        raise ValueError(
            f"A p-value must lie between 0 and 1; got {value}. Check the analysis that wrote it."
        )
    if value < 0.001:
        return "< 0.001"
    if value > 0.999:
        return "> 0.999"
    shown = f"{value:.3f}"
    # A p-value next to the usual level keeps a digit more, so that its side can be read off.
    return f"{value:.4f}" if shown == "0.050" and value != 0.05 else shown


def p_phrase(value: Any) -> str:
    """`p = 0.043` or `p < 0.001`, for running text."""
    shown = p_value(value)
    return f"p {shown}" if shown[0] in "<>" else f"p = {shown}"


def interval(low: Any, high: Any, digits: int = 3) -> str:
    """`0.812 to 0.934`; `–` where both limits are missing (a dash as joiner would read as a minus)."""
    if number(low, digits) == MISSING and number(high, digits) == MISSING:
        return MISSING
    return f"{number(low, digits)} to {number(high, digits)}"


def estimate(value: Any, low: Any, high: Any, digits: int = 3) -> str:
    """`0.873 (0.812 to 0.934)`; without parentheses where there is no interval."""
    limits = interval(low, high, digits)
    return number(value, digits) if limits == MISSING else f"{number(value, digits)} ({limits})"


def percent(share: Any, digits: int = 0) -> str:
    """A share in [0, 1] as `42 %`."""
    return MISSING if pd.isna(share) else f"{number(100 * share, digits)} %"


def degrees(df: Any) -> str:
    """Degrees of freedom: whole numbers without decimals, others with one."""
    if pd.isna(df):
        return MISSING
    return f"{df:.0f}" if float(df).is_integer() else f"{df:.1f}"


def integer(value: Any) -> str:
    """A count with thin separators from 10 000 on; `–` for a missing value."""
    if pd.isna(value):
        return MISSING
    return f"{int(value):,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(int(value))


def count(n: int, noun: str, plural: str | None = None) -> str:
    """`1 cell`, `24 cells`, `no cells`."""
    many = plural or f"{noun}s"
    if n == 0:
        return f"no {many}"
    return f"{integer(n)} {noun if n == 1 else many}"


def join_words(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; an empty sequence gives an empty string."""
    items = [str(word) for word in words]
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def duration(seconds: Any) -> str:
    """`42 s`, `3.5 min`, `2.1 h`."""
    if pd.isna(seconds):
        return MISSING
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def short_id(cell_id: Any) -> str:
    """The first six characters of a cell's id, enough to find it in a table of some hundred cells."""
    return str(cell_id)[:6]


def plain(value: Any) -> str:
    """A level of a factor for people: whole floats without `.0`, missing as `–`."""
    if pd.isna(value):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


FACTOR_NAMES = {
    "pretrain": "Pretraining",
    "backbone": "Backbone",
    "head": "Head",
    "lr_decay": "LR decay",
    "fc_ratio": "FC ratio",
    "filters": "Filters",
    "task": "Task",
    "seed": "Seed",
    "fold": "Fold",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "image_size": "Image size (pixels)",
    "lr": "Learning rate",
    "lr_decay_factor": "LR decay factor",
    "dropout": "Dropout",
    "kernel_size": "Kernel size",
    "unfreeze": "Unfrozen layer groups",
    "optimizer": "Optimizer",
    "weight_decay": "Weight decay",
    "amp": "Mixed precision",
    "frozen_batchnorm": "Frozen batch norm",
    "unfreeze_count": "Unfreezing counts",
    "unfreeze_schedule": "Unfreezing schedule",
    "unfreeze_every": "Epochs per unfrozen group",
    "checkpoint": "Checkpoint chosen on",
    "preprocessing": "Preprocessing",
    "augmentation": "Augmentation",
}


def factor_name(column: str) -> str:
    """The name of a factor or protocol field for people."""
    return FACTOR_NAMES.get(column, column.replace("_", " ").capitalize())


def mid_sentence(column: str) -> str:
    """The name of a factor within a sentence: `backbone`, `LR decay`."""
    name = factor_name(column)
    return name if name[1:2].isupper() else f"{name[:1].lower()}{name[1:]}"


def metric_label(metric: str) -> str:
    """Return `calibration_slope` as `Calibration slope`; other names with a capital."""
    text = METRIC_LABELS.get(metric, str(metric).replace("_", " "))
    return text[:1].upper() + text[1:]
