"""A small store on phantoms without training, and a headless browser to look at its page."""

import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.atomic import write_parquet
from data.registry import load_dataset
from data.store import Store

STUDY = """
name = "small"
title = "Small <study> & co"
description = "Does the page work?"
[tasks.knee]
dataset = "phantom-knee"
positive = ["torn"]
options = { n_patients = 30, size = 48, seed = 3 }
[factors]
pretrain = ["random", "phantom"]
head = ["Linear", "NonLinear"]
[protocol]
backbone = "ResNet18"
fc_ratio = 0.5
[analysis]
[[analysis.delong]]
contrast = "pretrain"
"""
REASON = "loss is NaN </script><script>window.broken = true</script>"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three done cells and a failed one on a phantom task, without results; a map of one image.

    Tests must not write into it; `own_store` is a copy.
    """
    made = Store.create(tmp_path_factory.mktemp("explore") / "small")
    made.write_study(STUDY)
    dataset = load_dataset("phantom-knee", options={"n_patients": 30, "size": 48, "seed": 3})
    manifest = dataset.manifest.assign(label=(dataset.manifest["class"] == "torn").astype(int))
    made.write_manifest("knee", manifest)
    split = np.where(np.arange(len(manifest)) % 3 == 0, "val", "test")
    made.write_split("knee", pd.DataFrame({"image_id": manifest["image_id"], "split": split}))
    rng = np.random.default_rng(7)
    for index, (pretrain, head) in enumerate(
        [("random", "Linear"), ("random", "NonLinear"), ("phantom", "Linear"), ("phantom", "NonLinear")]
    ):
        row = {"cell_id": f"cell{index}", "index": index, "task": "knee", "seed": 0, "fold": 0}
        row |= {"pretrain": pretrain, "backbone": "ResNet18", "head": head}
        if index == 1:
            made.write_cell(row | {"status": "failed", "reason": REASON})
            continue
        scores = np.clip(manifest["label"] * 0.1 * index + rng.uniform(size=len(manifest)), 0.01, 0.99)
        predictions = manifest[["image_id", "group_id", "label"]].assign(
            cell_id=row["cell_id"], seed=0, fold=0, split=split, score=scores
        )
        made.write_cell(row | {"status": "done"}, predictions)
    _write_map(made, "cell2", str(manifest["image_id"][1]))
    return made


@pytest.fixture
def own_store(store: Store, tmp_path: Path) -> Store:
    """A copy of the store that a test may change."""
    return Store.open(shutil.copytree(store.root, tmp_path / "small"))


@pytest.fixture(scope="session")
def page_file(store: Store, study_command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the store."""
    path = tmp_path_factory.mktemp("page") / "explore.html"
    result = study_command("explore", store.root, "--out", path)
    assert result.exit_code == 0, result.output
    return path


def _write_map(store: Store, cell_id: str, image_id: str) -> None:
    path = f"{cell_id}/overlay.png"
    (store.gradcam_dir() / cell_id).mkdir(parents=True)
    Image.new("RGB", (48, 48), (200, 30, 30)).save(store.gradcam_dir() / path)
    index = pd.DataFrame({"cell_id": [cell_id], "image_id": [image_id], "overlay_path": [path]})
    write_parquet(store.gradcam_dir() / "index.parquet", index)


@pytest.fixture
def open_page(browser):
    """Open a page, wait until it is drawn, and return the browser."""

    def opened(path: Path):
        for log in ("browser", "performance"):
            browser.get_log(log)  # what earlier pages left
        browser.get(path.as_uri())
        ends = time.monotonic() + 60
        while browser.execute_script("return document.body.dataset.ready") != "yes":
            assert time.monotonic() < ends, browser.find_element("id", "failure").text
            time.sleep(0.05)
        return browser

    return opened
