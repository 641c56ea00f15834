"""Write data/published/architecture.csv: the networks of the published grid, as this project builds them.

python -m training.published_architecture
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from data.published_grid import PUBLISHED_ARCHITECTURE, load_published_grid
from training.architecture import architecture
from training.settings import HEAD_FIELDS, CellSettings

# What the paper standardised over its grid, and the kernel that its code always used.
PROTOCOL: dict[str, Any] = {
    "seed": 0, "fold": 0, "epochs": 5, "batch_size": 64, "image_size": 256, "lr": 1e-4, "unfreeze": 0,
    "optimizer": "adam", "weight_decay": 0.0, "decay_norm_and_bias": None, "momentum": None, "amp": True,
    "frozen_batchnorm": "eval", "checkpoint": "val_auc", "preprocessing": "imagenet-rgb",
    "augmentation": "paper",
}  # fmt: skip
DROPOUT, KERNEL_SIZE = 0.5, 2


def published_architecture() -> pd.DataFrame:
    """Layers of every different network of the published grid; columns as `architecture`."""
    grid = load_published_grid()
    return architecture(_settings(row) for _, row in grid.sort_values(list(grid.columns[:7])).iterrows())


def _settings(row: pd.Series) -> CellSettings:
    read: dict[str, Any] = {
        "fc_ratio": float(row["fcsizeratio"]),
        "filters": int(row["numfilters"]),
        "kernel_size": KERNEL_SIZE,
        "dropout": DROPOUT,
    }
    names = HEAD_FIELDS[row["clf"]]
    own: dict[str, Any] = {name: value if name in names else None for name, value in read.items()}
    return CellSettings(
        task=row["task"],
        pretrain=row["pretrain"],
        backbone=row["backbone"],
        head=row["clf"],
        lr_decay=row["lrdecay"],
        lr_decay_factor=0.5 if row["lrdecay"] == "beta" else None,
        **own,
        **PROTOCOL,
    )


def write(path: Path = PUBLISHED_ARCHITECTURE) -> None:
    """Write the table as CSV."""
    published_architecture().to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    write()
