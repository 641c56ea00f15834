"""Metrics of made-up cells for the tests of figures."""

import numpy as np
import pandas as pd

STUDY = {
    "tasks": {"breast": {}, "knee": {}},
    "factors": {
        "pretrain": ["ImageNet", "RadImageNet"],
        "backbone": ["ResNet50", "DenseNet121"],
        "head": ["Linear", "NonLinear", "Conv", "ConvSkip"],
        "filters": [4, 16],
        "unfreeze": [0, 1, 2, 3, 4, "all"],
    },
}
FACTORS = ["backbone", "head", "filters"]


def cell_metrics(n: int, *, arms: list[str] | None = None, tasks: int = 2) -> pd.DataFrame:
    """The metrics of `n` cells that take the levels of `STUDY` in turn; a linear head uses no filters."""
    rng = np.random.default_rng(1)
    place = np.arange(n)
    names = arms or ["ImageNet", "RadImageNet"]
    head = np.array(["Linear", "NonLinear", "Conv", "ConvSkip"])[place // 4 % 4]
    frame = pd.DataFrame(
        {
            "cell_id": [f"{i:06d}abcdef" for i in place],
            "task": np.array(["breast", "knee", "shoulder"])[place % tasks],
            "pretrain": np.array(names)[place // 2 % len(names)],
            "backbone": np.array(["ResNet50", "DenseNet121"])[place // 3 % 2],
            "head": head,
            "filters": np.where(head == "Linear", np.nan, np.where(place % 3 < 1, 4.0, 16.0)),
            "unfreeze": np.array(["0", "1", "2", "3", "4", "all"])[place // 5 % 6],
        }
    )
    for name in ("val_auc", "test_auc", "test_f1", "test_accuracy"):
        frame[name] = rng.uniform(0.4, 1.0, n)
    return frame


def cell_pairs(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row of the table of pairs for each two cells of a task; p falls with the difference."""
    rows = []
    for task, cells in metrics.groupby("task"):
        ids, values = list(cells["cell_id"]), list(cells["test_auc"])
        for i in range(len(ids)):
            for j in range(i + 1, len(ids)):
                gap = values[i] - values[j]
                p = np.exp(-30 * abs(gap))
                rows.append((task, ids[i], ids[j], values[i], values[j], gap, p))
    columns = ["task", "cell_a", "cell_b", "auc_a", "auc_b", "estimate", "p_adjusted"]
    return pd.DataFrame(rows, columns=columns).assign(conf_level=0.95, note=None)
