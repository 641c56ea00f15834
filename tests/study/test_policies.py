"""Policies for duplicates, from the study file to the store: on images with planted copies."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from data.splits.leaks import straddling_units
from data.store import Store
from study.config import TaskConfig
from study.run.prepare import prepare_task

STUDY = """
name = "policies"
[tasks.breast]
dataset = "manifest"
positive = ["malignant"]
options = {{ path = "{listed}" }}
split = {{ {split} }}
{policies}
[factors]
head = ["Linear"]
[protocol]
pretrain = "random"
backbone = "ResNet18"
epochs = 1
batch_size = 8
image_size = 32
"""
SHARES = "train = 0.6, val = 0.2, test = 0.2"
# Copies and what they show: one darker, one with the same pixels, one with the same pixels and another label.
DARKER, SAME, CONFLICT = "benign/z dark.png", "malignant/z same.png", "malignant/z conflict.png"
COPY_OF = {DARKER: "benign/2.png", SAME: "malignant/3.png", CONFLICT: "benign/1.png"}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """40 images of 20 patients, and three copies of other patients; returns the data root."""
    root = tmp_path_factory.mktemp("copies")
    rng = np.random.default_rng(0)
    lines = ["path,label,patient"]
    for name in ("benign", "malignant"):
        (root / name).mkdir()
        for number in range(20):
            smooth = gaussian_filter(rng.normal(size=(72, 80)), 3)
            pixels = 120 + 60 * smooth / np.abs(smooth).max()
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{number}.png")
            lines.append(f"{name}/{number}.png,{name},{name} {number // 2}")
    for copy, source in COPY_OF.items():
        with Image.open(root / source) as image:
            pixels = np.asarray(image).astype(float) * (0.8 if copy == DARKER else 1)
        Image.fromarray(pixels.astype(np.uint8)).save(root / copy)
        lines.append(f"{copy},{copy.partition('/')[0]},of {copy}")
    (root / "list.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def run(copies, study_command, tmp_path):
    """Run the study with these policies; `more` are further arguments. The store is tmp_path / "store"."""
    pytest.importorskip("torch")

    def _run(policies, *more, split=f"{SHARES}, seed = 1", listed="list.csv"):
        path = tmp_path / "policies.toml"
        path.write_text(STUDY.format(policies=policies, split=split, listed=listed), encoding="utf-8")
        result = study_command("run-grid", path, "--store", tmp_path / "store", "--data-root", copies, *more)
        return result.exit_code, " ".join(result.output.split())

    return _run


@pytest.fixture
def split_run(copies, study_command):
    """Run `study data split` on the same images; its output in one line."""
    usual = ("data", "split", "manifest", "-o", "path=list.csv", "--data-root", copies, "-p", "malignant")
    return lambda *more: " ".join(study_command(*usual, *more).output.split())


def test_keep_trains_on_all_images_and_tells_what_straddles(run, tmp_path):
    code, said = run("")
    assert code == 0, said
    assert "1 picture(s) stand under both labels (2 images): 'benign/1.png' (negative) =" in said
    assert 'label_conflicts = "keep": they take part' in said
    store = Store.open(tmp_path / "store")
    assert len(store.read_manifest("breast")) == 43
    assert store.read_exclusions("breast").empty
    shared = store.read_manifest("breast").dropna(subset="duplicate_group")
    assert set(shared["image_id"]) == {*COPY_OF, *COPY_OF.values()}


def test_drop_leaves_out_copies_and_the_store_lists_them(run, tmp_path):
    code, said = run('duplicates = "drop"\nlabel_conflicts = "drop"')
    assert code == 0, said
    assert "2 image(s) that show a picture once more are left out" in said
    store = Store.open(tmp_path / "store")
    rows = store.read_exclusions("breast")
    assert dict(zip(rows["image_id"], rows["reason"], strict=True)) == {
        DARKER: "duplicate",
        SAME: "duplicate",
        CONFLICT: "label conflict",
        "benign/1.png": "label conflict",
    }
    assert rows.set_index("image_id")["duplicate_of"][DARKER] == "benign/2.png"
    manifest = store.read_manifest("breast")
    assert not set(manifest["image_id"]) & set(rows["image_id"])
    assert len(manifest) == 39
    predicted = store.read_predictions()["image_id"]
    assert not set(predicted) & set(rows["image_id"])
    assert store.read_run()["runs"][0]["tasks"]["breast"]["n_excluded"] == 4


@pytest.mark.parametrize("split", ["seed = 1", "seed = 2", 'seed = 3, group = "image"'])
def test_group_keeps_copies_and_patients_in_one_part(run, tmp_path, split):
    code, said = run('duplicates = "group"', split=f"{SHARES}, {split}")
    assert code == 0, said
    assert "3 picture(s) that 6 images show stay in one part" in said
    store = Store.open(tmp_path / "store")
    manifest, parts = store.read_manifest("breast"), store.read_split("breast")
    assert straddling_units(parts, manifest, unit="duplicate_group") == []
    if "image" not in split:
        assert straddling_units(parts, manifest) == []
    # Statistics by patient use the true ids.
    listed = manifest.set_index("image_id")["group_id"]
    assert listed["benign/2.png"] == "benign 1"
    assert listed[DARKER] == f"of {DARKER}"


def test_label_conflicts_as_an_error_stop_before_anything_is_written(run, tmp_path):
    code, said = run('label_conflicts = "error"')
    assert code == 2
    assert "Task `breast`: 1 picture(s) stand under both labels" in said
    assert "'malignant/z conflict.png' (positive)" in said
    assert not (tmp_path / "store").exists()


def test_a_dry_run_shows_the_policies_and_writes_nothing(run, tmp_path):
    code, said = run('duplicates = "drop"', "--dry-run")
    assert code == 0, said
    assert 'duplicates = "drop": 2 image(s) that show a picture once more are left out' in said
    assert not (tmp_path / "store").exists()


def test_a_policy_that_does_not_act_leaves_the_cells_as_they_are(copies, run, tmp_path):
    lines = (copies / "list.csv").read_text().splitlines()
    (copies / "clean.csv").write_text("\n".join(line for line in lines if "/z " not in line))
    for policies in ("", 'duplicates = "drop"', 'duplicates = "group"\nlabel_conflicts = "error"'):
        code, said = run(policies, listed="clean.csv")
        assert code == 0, said
        assert len(Store.open(tmp_path / "store").cells()) == 1  # the same cell every time


def test_the_split_command_shows_the_same_policies(split_run):
    assert "left out: 2 images, duplicate 2" in split_run("--duplicates", "drop")
    assert "left out: 4 images, duplicate 2, label conflict 2" in split_run(
        "--duplicates", "drop", "--label-conflicts", "drop"
    )
    assert "3 picture(s) that 6 images show stay in one part" in split_run("--duplicates", "group")
    assert "1 picture(s) stand under both labels" in split_run("--label-conflicts", "error")
    assert "Input should be 'keep', 'drop' or 'group'" in split_run("--duplicates", "remove")


def test_a_written_split_serves_a_study_that_drops_the_same_images(copies, split_run, run, tmp_path):
    policies = 'duplicates = "drop"\nlabel_conflicts = "drop"'
    out = copies / "dropped.csv"
    assert "written" in split_run("--duplicates", "drop", "--label-conflicts", "drop", "--out", out)
    code, said = run(policies, split='file = "dropped.csv"')
    assert code == 0, said
    assert set(Store.open(tmp_path / "store").read_split("breast")["image_id"]) == set(
        pd.read_csv(out)["image_id"]
    )
    code, said = run("", split='file = "dropped.csv"')
    assert code == 2
    assert "does not name 4 of 43 images" in said


def test_the_search_for_duplicates_reports_its_progress_and_is_not_repeated(copies, monkeypatch, tmp_path):
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path))
    config = TaskConfig(dataset="manifest", positive=("malignant",), options={"path": "list.csv"})
    seen = []
    prepare_task("breast", config, copies, report=lambda *told: seen.append(told))
    assert seen[-1] == ("breast: duplicates", 43, 43)
    seen.clear()
    prepare_task("breast", config, copies, report=lambda *told: seen.append(told))
    assert seen == []
