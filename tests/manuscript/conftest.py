"""A small synthetic store with known differences between its arms, and its report."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.store import Store
from manuscript.load import Report, load_report
from stats.auc import auc, auc_ci
from stats.delong import delong_test
from stats.mcnemar import mcnemar_test
from stats.results import RESULT_COLUMNS
from stats.wilcoxon import rank_sum_test

STUDY = """
name = "synthetic"
title = "A synthetic study"
description = "Does arm phantom rank the images better than arm random?"
seeds = [0]

[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
split = { train = 0.6, val = 0.2, test = 0.2, stratify = true, group = "patient", seed = 42 }

[tasks.knee]
dataset = "phantom-knee"
positive = ["torn"]
split = { train = 0.6, val = 0.2, test = 0.2, stratify = true, group = "patient", seed = 42 }

[factors]
pretrain = ["random", "phantom"]
head = ["Linear", "Conv"]
filters = [4, 16]

[protocol]
backbone = "ResNet18"

[analysis]
alpha = 0.05
primary_metric = "auc"
delong = [{ contrast = "pretrain", select = "val_auc" }]
mcnemar = [{ contrast = "pretrain", select = "val_auc" }]
wilcoxon = [{ value = "test_auc", contrast = "pretrain", by = ["task"], paired = false }]

[[analysis.mixed]]
formula = "test_auc ~ pretrain + (1|head)"
df = "satterthwaite"
"""
PROTOCOL = {
    "backbone": "ResNet18", "lr_decay": "cosine", "fc_ratio": 0.5, "epochs": 4, "batch_size": 32,
    "image_size": 64, "lr": 1e-3, "optimizer": "adam", "unfreeze": "0", "checkpoint": "val_auc",
}  # fmt: skip
N_IMAGES = 60
SHIFT = {"random": 0.5, "phantom": 1.6}


def _cells(tasks: tuple[str, ...]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for task in tasks:
        for pretrain in ("random", "phantom"):
            for head, filters in (("Linear", None), ("Conv", 4), ("Conv", 16)):
                rows.append(
                    {
                        "cell_id": f"{len(rows):02d}ab{len(rows) * 7919:08x}"[:12],
                        "index": len(rows),
                        "task": task,
                        "seed": 0,
                        "fold": 0,
                        "pretrain": pretrain,
                        "head": head,
                        "filters": filters,
                        **PROTOCOL,
                    }
                )
    return rows


def _predictions(row: dict[str, object], rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for split in ("val", "test"):
        labels = np.tile([0, 1, 0], N_IMAGES // 3)
        logit = rng.normal(size=N_IMAGES) + (labels - 0.5) * 2 * SHIFT[str(row["pretrain"])]
        parts.append(
            pd.DataFrame(
                {
                    "cell_id": row["cell_id"],
                    "seed": 0,
                    "fold": 0,
                    "split": split,
                    "image_id": [f"{split}{i:03d}" for i in range(N_IMAGES)],
                    "group_id": [f"p{i // 2}" for i in range(N_IMAGES)],
                    "label": labels.astype("int8"),
                    "score": 1 / (1 + np.exp(-logit)),
                    "logit_0": np.float32(0),
                    "logit_1": logit.astype("float32"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _history(rng: np.random.Generator) -> pd.DataFrame:
    epochs = np.arange(4)
    falling = 0.7 * np.exp(-0.4 * epochs) + rng.normal(scale=0.02, size=4)
    columns = {"epoch": epochs, "lr": 1e-3, "train_loss": falling, "val_loss": falling + 0.08, "seconds": 0.2}
    for name in ("auc", "f1", "accuracy"):
        columns |= {f"train_{name}": 0.95 - 0.4 * falling, f"val_{name}": 0.9 - 0.4 * falling}
    return pd.DataFrame(columns | {"val_positive_rate": 0.4})


def write_cells(store: Store, tasks: tuple[str, ...], *, fail_last: bool) -> None:
    rng = np.random.default_rng(7)
    rows = _cells(tasks)
    for row in rows:
        if fail_last and row is rows[-1]:
            store.write_cell(row | {"status": "failed", "reason": "the loss is not finite in epoch 2"})
            continue
        store.write_cell(
            row | {"status": "done", "best_epoch": 3, "n_parameters": 1000, "seconds": 1.5, "device": "cpu"},
            _predictions(row, rng),
            _history(rng),
        )


def write_results(store: Store) -> None:
    """The contract's tables, computed from the predictions (mixed models: written by hand)."""
    cells = store.cells()
    cells = cells[cells["status"] == "done"]
    scores = store.read_predictions()
    metrics = _metrics(cells, scores)
    store.write_result("metrics", metrics)
    tests, selected, roc = [], [], []
    for task in dict.fromkeys(metrics["task"]):
        best = (
            metrics[metrics["task"] == task]
            .sort_values("val_auc", ascending=False)
            .drop_duplicates("pretrain")
            .set_index("pretrain")
        )
        tests.append(_comparisons(task, best, metrics, scores))
        for arm in ("random", "phantom"):
            part = _part(scores, best.loc[arm, "cell_id"], "test")
            result = auc_ci(part["label"].to_numpy(), part["score"].to_numpy())
            key = {"task": task, "contrast": "pretrain", "arm": arm, "cell_id": best.loc[arm, "cell_id"]}
            selected.append(
                {
                    **key,
                    "select": "val_auc",
                    "val_auc": best.loc[arm, "val_auc"],
                    "test_auc": best.loc[arm, "test_auc"],
                    "test_auc_low": result.conf_low,
                    "test_auc_high": result.conf_high,
                }
            )
            roc.append(_roc(part).assign(**key, split="test"))
    comparisons = pd.concat(tests, ignore_index=True)
    store.write_result("comparisons", comparisons)
    store.write_result("selected", pd.DataFrame(selected))
    store.write_result("roc", pd.concat(roc, ignore_index=True))
    store.write_result("findings", _findings(comparisons))
    _write_mixed(store)
    _write_summary(store, tuple(dict.fromkeys(metrics["task"])))


def _part(scores: pd.DataFrame, cell_id: str, split: str) -> pd.DataFrame:
    return scores[(scores["cell_id"] == cell_id) & (scores["split"] == split)]


def _metrics(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in cells.to_dict("records"):
        out = {"n_val": N_IMAGES, "n_test": N_IMAGES, "n_test_positive": N_IMAGES // 3, "collapsed": False}
        for split in ("val", "test"):
            part = _part(scores, row["cell_id"], split)
            right = (part["score"] >= 0.5) == (part["label"] == 1)
            out[f"{split}_auc"] = auc(part["label"].to_numpy(), part["score"].to_numpy())
            out[f"{split}_f1"] = out[f"{split}_accuracy"] = float(right.mean())
        positive = part["label"] == 1
        out |= {
            "test_sensitivity": float(right[positive].mean()),
            "test_specificity": float(right[~positive].mean()),
            "test_positive_rate": float((part["score"] >= 0.5).mean()),
        }
        rows.append(row | out)
    return pd.DataFrame(rows)


def _comparisons(task: str, best: pd.DataFrame, metrics: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    a, b = (_part(scores, best.loc[arm, "cell_id"], "test") for arm in ("random", "phantom"))
    y = a["label"].to_numpy()
    delong = delong_test(y, a["score"].to_numpy(), b["score"].to_numpy()).to_frame()
    mcnemar = mcnemar_test((a["score"] >= 0.5) == y, (b["score"] >= 0.5) == y).to_frame()
    here = metrics[metrics["task"] == task]
    wilcoxon = rank_sum_test(
        here.loc[here["pretrain"] == "random", "test_auc"],
        here.loc[here["pretrain"] == "phantom", "test_auc"],
    ).to_frame()
    both = pd.concat(
        [
            delong.assign(analysis="delong", metric="auc"),
            mcnemar.assign(analysis="mcnemar", metric="accuracy"),
            wilcoxon.assign(analysis="wilcoxon", metric="test_auc"),
        ],
        ignore_index=True,
    )
    return both.assign(
        task=task, arm_a="random", arm_b="phantom", comparison="pretrain: random - phantom", planned=True
    )[list(RESULT_COLUMNS)]


def _roc(part: pd.DataFrame) -> pd.DataFrame:
    cuts = np.r_[np.inf, np.sort(part["score"].unique())[::-1]]
    positive = part["label"] == 1
    return pd.DataFrame(
        {
            "fpr": [float((part.loc[~positive, "score"] >= cut).mean()) for cut in cuts],
            "tpr": [float((part.loc[positive, "score"] >= cut).mean()) for cut in cuts],
            "threshold": cuts,
        }
    )


def _findings(comparisons: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "analysis": comparisons["analysis"],
            "task": comparisons["task"],
            "comparison": comparisons["comparison"],
            "planned": comparisons["planned"],
            "sentence": [
                f"{row.analysis} finds a difference of {row.estimate:.3f} on task {row.task}."
                for row in comparisons.itertuples()
            ],
        }
    )


def _write_mixed(store: Store) -> None:
    formula = "test_auc ~ pretrain + (1|head)"
    fixed = {"model": 1, "formula": formula, "n": 12, "df_method": "satterthwaite", "std_error": 0.02}
    terms = [
        {"term": "Intercept", "estimate": 0.7, "df": 2.4, "statistic": 35.0, "p_value": 1e-5},
        {"term": "pretrain[phantom]", "estimate": 0.2, "df": 9.0, "statistic": 10.0, "p_value": 0.04},
    ]
    limits = {"conf_low": 0.1, "conf_high": 0.3}
    store.write_result("mixed_fixed", pd.DataFrame([fixed | term | limits for term in terms]))
    random = [
        {"group": "head", "term": "Intercept", "variance": 1.2e-4, "std_dev": 0.011, "levels": 2.0},
        {"group": "Residual", "term": None, "variance": 3.1e-3, "std_dev": 0.056, "levels": None},
    ]
    head = {"model": 1, "formula": formula, "correlation": None}
    store.write_result("mixed_random", pd.DataFrame([head | row for row in random]))
    model = {
        "model": 1, "formula": formula, "n": 12, "reml": True, "criterion": -31.5, "converged": True,
        "singular": False, "df_method": "satterthwaite", "scaled_min": -2.0, "scaled_q1": -0.6,
        "scaled_median": 0.0, "scaled_q3": 0.7, "scaled_max": 2.1, "note": None,
    }  # fmt: skip
    store.write_result("mixed_models", pd.DataFrame([model]))


def _write_summary(store: Store, tasks: tuple[str, ...]) -> None:
    classes = {
        "breast": [("benign", 0), ("malignant", 1), ("normal", 0)],
        "knee": [("intact", 0), ("torn", 1)],
    }
    rows = [
        {
            "task": task,
            "split": split,
            "class": name,
            "label": label,
            "n_images": 20 + 7 * k,
            "n_groups": 10 + k,
        }
        for task in tasks
        for k, split in enumerate(("train", "val", "test"))
        for name, label in classes[task]
    ]
    store.write_result("data_summary", pd.DataFrame(rows))


def write_gradcam(store: Store) -> None:
    """Images, overlays and their index for the first cell of the first task."""
    folder = store.gradcam_dir()
    folder.mkdir()
    rng = np.random.default_rng(3)
    cell = (
        store.cells().set_index("cell_id", drop=False).loc[store.read_result("selected")["cell_id"].iloc[0]]
    )
    rows = []
    for kind, truth, score in (
        ("true positive", "malignant", 0.91),
        ("true negative", "benign", 0.08),
        ("false positive", "normal", 0.77),
        ("false negative", "malignant", 0.31),
    ):
        name = kind.replace(" ", "-")
        Image.fromarray(rng.integers(0, 255, (64, 64), dtype="uint8")).save(folder / f"{name}.png")
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype="uint8")).save(folder / f"{name}-cam.png")
        rows.append(
            {
                "task": cell["task"], "cell_id": cell["cell_id"], "image_id": f"test{len(rows):03d}",
                "kind": kind, "true_class": truth,
                "predicted_label": "positive" if score >= 0.5 else "negative",
                "score": score, "overlay_path": f"{name}-cam.png", "image_path": f"{name}.png",
                "energy_in_mask": None,
            }
        )  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "index.parquet")


def _make(root: Path, *, tasks: tuple[str, ...] = ("breast", "knee"), fail_last: bool = False) -> Store:
    store = Store.create(root)
    store.write_study(STUDY)
    store.write_run({"commit": "0123abc", "study_hash": "feedbeef", "device": "cpu"})
    write_cells(store, tasks, fail_last=fail_last)
    return store


@pytest.fixture(scope="session")
def synthetic_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two tasks, twelve cells of which one failed, all result tables, Grad-CAM images."""
    store = _make(tmp_path_factory.mktemp("stores") / "synthetic", fail_last=True)
    write_results(store)
    write_gradcam(store)
    return store


@pytest.fixture(scope="session")
def synthetic_report(synthetic_store: Store) -> Report:
    return load_report(synthetic_store.root)


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., Store]:
    """Make a store without results: `make_store(tasks=("knee",))`."""
    return lambda **options: _make(tmp_path / "store", **options)


@pytest.fixture
def analyse_store() -> Callable[[Store], None]:
    """Write the result tables of a store."""
    return write_results
