"""Given splits from the command line and in a study: written, used, recorded, never redrawn in silence."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.store import Store
from tests.data.trees import breastmnist_arrays, write_radimagenet

STUDY = """
name = "given"
[tasks.breast]
dataset = "manifest"
positive = ["malignant"]
options = {{ path = "list.csv" }}
split = {{ {split} }}
[factors]
head = ["Linear", "NonLinear"]
[protocol]
pretrain = "random"
backbone = "ResNet18"
epochs = 1
batch_size = 8
image_size = 32
fc_ratio = 0.1
"""


def _said(result):
    """What a command printed, without the line breaks of its console."""
    return " ".join(result.output.split())


@pytest.fixture
def split_run(images, study_command):
    """Run `study data split` on the images with their patients."""
    usual = ("-o", "path=list.csv", "--data-root", images, "-p", "malignant")
    return lambda *more: study_command("data", "split", "manifest", *usual, *more)


@pytest.fixture
def grid_run(images, study_command, tmp_path):
    """Run a study with this split on the images; the store is tmp_path / "store"."""
    pytest.importorskip("torch")

    def run(split, *more):
        path = tmp_path / "given.toml"
        path.write_text(STUDY.format(split=split), encoding="utf-8")
        return study_command("run-grid", path, "--store", tmp_path / "store", "--data-root", images, *more)

    return run


def _add_image(images, name="malignant/new.png"):
    Image.fromarray(np.arange(72, dtype=np.uint8).reshape(8, 9)).save(images / name)
    with (images / "list.csv").open("a") as file:
        file.write(f"\n{name},malignant,new")


def test_a_written_split_gives_the_same_parts_again(images, split_run):
    drawn = split_run("--out", images / "split.csv")
    assert drawn.exit_code == 0, drawn.output
    digest = hashlib.sha256((images / "split.csv").read_bytes()).hexdigest()
    assert f"split.csv (SHA-256 {digest})" in drawn.stdout.replace("\n", "")
    again = split_run("--file", "split.csv")
    assert again.exit_code == 0, again.output
    parts = [line for line in drawn.stdout.splitlines() if "images" in line or "hash" in line][:4]
    assert again.stdout.splitlines()[:4] == parts


def test_folds_of_a_file_are_shown_one_by_one(images, split_run):
    assert split_run("--folds", 4, "--val", 0.25, "--out", images / "folds.parquet").exit_code == 0
    shown = split_run("--file", "folds.parquet", "--folds", 4)
    assert shown.exit_code == 0, shown.output
    assert [line for line in shown.stdout.splitlines() if line.startswith("fold")] == [
        f"fold {k}" for k in range(4)
    ]
    assert "write folds = 4 in `split`" in split_run("--file", "folds.parquet").output


def test_a_given_split_that_divides_patients_is_marked(images, split_run):
    assert split_run("--group", "image", "--out", images / "split.csv").exit_code == 0
    assert "note: The given split leaks: " in split_run("--file", "split.csv").output


def test_the_published_split_is_taken_from_the_data_set(tmp_path, study_command):
    np.savez_compressed(tmp_path / "breastmnist.npz", **breastmnist_arrays())
    usual = ("data", "split", "breastmnist", "-p", "malignant", "--data-root", tmp_path)
    found = study_command(*usual, "--published")
    assert found.exit_code == 0, found.output
    for line in ("train 12 images", "val 4 images", "test 8 images"):
        assert line in _said(found)
    assert "The published split of 'breastmnist' has 1 fold(s), but folds = 5" in _said(
        study_command(*usual, "--published", "--folds", 5)
    )


def test_the_authors_folds_are_a_cross_validation(tmp_path, study_command):
    write_radimagenet(tmp_path, "acl", n=20)
    usual = ("data", "split", "radimagenet-acl", "-p", "yes", "--data-root", tmp_path, "--published")
    found = study_command(*usual, "--folds", 5)
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    tested = [int(line.split()[1]) for line in lines if line.split()[0] == "test"]
    assert (len(tested), sum(tested)) == (5, 40)
    assert "leaks" not in found.output
    assert "write folds = 5 in `split`" in _said(study_command(*usual))


def test_a_data_set_without_a_split_of_its_own_says_so(split_run):
    found = split_run("--published")
    assert found.exit_code == 2
    assert "brings no split that can be used, but the study asks for the published one" in _said(found)
    assert (
        "the split is given by `file`, so `seed` cannot act" in split_run("--file", "x", "--seed", 1).output
    )


def test_a_run_uses_the_file_and_records_what_it_was(images, split_run, grid_run, tmp_path):
    assert split_run("--seed", 5, "--out", images / "split.csv").exit_code == 0
    result = grid_run('file = "split.csv"')
    assert result.exit_code == 0, result.output
    store = Store.open(tmp_path / "store")
    wanted = pd.read_csv(images / "split.csv")
    assert store.read_split("breast").equals(wanted)
    record = store.read_run()["runs"][0]["tasks"]["breast"]
    digest = hashlib.sha256((images / "split.csv").read_bytes()).hexdigest()
    assert record["split_from"] == {"file": "split.csv", "sha256": digest}
    predictions = store.read_predictions(splits=["test"])
    assert set(predictions["image_id"]) == set(wanted.loc[wanted["split"] == "test", "image_id"])


def test_images_left_out_of_a_split_are_listed_in_the_store(images, split_run, grid_run, tmp_path):
    assert split_run("--out", images / "split.csv").exit_code == 0
    _add_image(images)
    refused = grid_run('file = "split.csv"')
    assert refused.exit_code == 2
    assert "does not name 1 of 41 images: 'malignant/new.png'" in _said(refused)
    assert not (tmp_path / "store").exists()
    result = grid_run('file = "split.csv", others = "leave out"')
    assert result.exit_code == 0, result.output
    store = Store.open(tmp_path / "store")
    (row,) = store.read_exclusions("breast").itertuples(index=False)
    assert (row.image_id, row.reason) == ("malignant/new.png", "not in the split")
    assert pd.isna(row.duplicate_of)
    assert len(store.read_manifest("breast")) == 40


def test_a_split_is_not_redrawn_when_the_data_changed(images, grid_run, tmp_path):
    assert grid_run("seed = 1").exit_code == 0
    store = Store.open(tmp_path / "store")
    before = store.read_split("breast")
    _add_image(images)
    refused = grid_run("seed = 1")
    assert refused.exit_code == 2
    assert "1 new (first 'malignant/new.png')" in _said(refused)
    assert "A split is not redrawn under the cells that were trained on it" in _said(refused)
    assert store.read_split("breast").equals(before)
    # The remedy that the message names.
    path = tmp_path / "store" / "splits" / "breast.parquet"
    kept = grid_run(f'file = "{path}", others = "leave out"')
    assert kept.exit_code == 0, kept.output
    assert store.read_split("breast").equals(before)
    assert len(store.cells()) == 2  # the same cells: nothing was trained anew


def test_a_split_changes_with_the_study_file_and_says_so(grid_run):
    assert grid_run("seed = 1").exit_code == 0
    again = grid_run("seed = 2")
    assert again.exit_code == 0, again.output
    assert "change their part, because its entry in the study file is another one" in _said(again)


def test_a_changed_split_file_is_not_taken_for_the_earlier_one(images, split_run, grid_run):
    assert split_run("--seed", 1, "--out", images / "split.csv").exit_code == 0
    assert grid_run('file = "split.csv"').exit_code == 0
    (images / "split.csv").unlink()
    assert split_run("--seed", 2, "--out", images / "split.csv").exit_code == 0
    refused = grid_run('file = "split.csv"')
    assert refused.exit_code == 2
    assert "the split file 'split.csv' has another content than before" in _said(refused)


def test_a_changed_image_is_told_where_the_split_stays(images, grid_run):
    assert grid_run("seed = 1").exit_code == 0
    Image.fromarray(np.full((8, 9), 7, dtype=np.uint8)).save(images / "benign" / "3.png")
    again = grid_run("seed = 1")
    assert again.exit_code == 0, again.output
    assert "1 changed (first 'benign/3.png'); its cells are trained anew" in _said(again)
