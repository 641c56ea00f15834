"""`study run-grid`: training, resuming, failing cells and bad input."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from data.audit.duplicates import PAIR_COLUMNS
from data.store import Store
from study.stores import planned_cells

ROOT = Path(__file__).resolve().parents[2]


def predictions(root: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((root / "predictions").rglob("*.parquet"))}


def test_every_cell_of_the_grid_has_a_prediction_for_every_image(tiny_store):
    store = Store.open(tiny_store)
    cells = planned_cells(store)
    assert len(cells) == 16
    assert set(cells["status"]) == {"done"}
    split = store.read_split("breast").query("split != 'train'")
    found = store.read_predictions()
    assert len(found) == 16 * len(split)
    assert found["score"].between(0, 1).all()
    for _, cell in found.groupby("cell_id"):
        assert set(cell["image_id"]) == set(split["image_id"])


def test_patients_are_in_one_part_only(tiny_store):
    store = Store.open(tiny_store)
    parts = store.read_split("breast").merge(store.read_manifest("breast"), on="image_id")
    assert (parts.groupby("group_id")["split"].nunique() == 1).all()


def test_a_second_run_finds_everything_done(tiny_store, tiny_study, study_command):
    before = predictions(tiny_store)
    result = study_command("run-grid", tiny_study, "--store", tiny_store)
    assert result.exit_code == 0, result.output
    assert "0 cells trained, 16 found done, 0 failed" in result.stdout
    assert predictions(tiny_store) == before


def test_a_part_of_the_grid_gives_the_same_predictions_as_the_whole(
    tiny_store, tiny_study, study_command, tmp_path
):
    root = tmp_path / "part"
    result = study_command(
        "run-grid", tiny_study, "--store", root, "--only", "head=NonLinear", "--only", "seed=1"
    )
    assert result.exit_code == 0, result.output
    part, whole = predictions(root), predictions(tiny_store)
    assert len(part) == 4
    assert part == {name: whole[name] for name in part}


@pytest.mark.slow  # tests/study/test_determinism.py stops a run inside a group, `make faults` kills hundreds
def test_a_killed_run_goes_on_and_ends_like_an_undisturbed_one(tiny_store, tiny_study, tmp_path):
    root = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "study.cli",
        "run-grid",
        str(tiny_study),
        "--store",
        str(root),
        "--no-gradcam",
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 400
    while not list(root.glob("cells/*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert 0 < len(list(root.glob("cells/*.json"))) < 16
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert predictions(root) == predictions(tiny_store)


def test_a_failing_cell_is_recorded_and_the_others_go_on(tiny_study, study_command, tmp_path):
    text = (
        tiny_study.read_text().replace("lr = 1e-2", "").replace("[factors]", "[factors]\nlr = [1e-2, 1e30]")
    )
    study = tmp_path / "nan.toml"
    study.write_text(text)
    arguments = (
        "run-grid",
        study,
        "--store",
        tmp_path / "nan",
        "--only",
        "seed=0",
        "--only",
        "pretrain=random",
    )
    result = study_command(*arguments, "--no-gradcam")
    cells = planned_cells(Store.open(tmp_path / "nan"))
    failed = cells[cells["status"] == "failed"]
    assert result.exit_code == 1, result.output
    assert len(failed) > 0
    assert set(failed["lr"]) == {1e30}
    assert (cells[cells["lr"] == 1e-2]["status"] == "done").all()
    assert all(cell_id in result.stderr for cell_id in failed["cell_id"])


def test_another_plan_keeps_the_earlier_study_file(tiny_store, tiny_study, study_command, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(tiny_store, root)
    study = tmp_path / "changed.toml"
    study.write_text(tiny_study.read_text().replace("[analysis]", "[analysis]\nalpha = 0.01"))
    result = study_command("run-grid", study, "--store", root)
    assert result.exit_code == 0, result.output
    assert "The analysis plan differs from the one that this store held" in result.stderr
    kept = list(root.glob("study.*.toml"))
    assert [path.read_text() for path in kept] == [tiny_study.read_text()]
    assert "alpha = 0.01" in (root / "study.toml").read_text()


def test_status_counts_done_and_open_cells(tiny_store, study_command, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(tiny_store, root)
    next(root.glob("cells/*.json")).unlink()
    result = study_command("status", root)
    assert result.exit_code == 0, result.output
    assert "16 planned cells" in result.stdout
    assert "done 15" in result.stdout
    assert "open 1" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"phantom-breast"', '"phantom-brest"', "phantom-brest"),
        ('["malignant"]', '["malign"]', "malign"),
        ("difficulty = 0.2", "difficulty = 2", "difficulty"),
        ("file:", "file:/nowhere", "nothing was trained"),
        ("test = 0.3", "test = 0.4", "must be 1"),
    ],
)
def test_bad_input_ends_with_one_message_and_leaves_no_store(
    tiny_study, study_command, tmp_path, old, new, message
):
    text = tiny_study.read_text()
    assert old in text
    study = tmp_path / "bad.toml"
    study.write_text(text.replace(old, new))
    result = study_command("run-grid", study, "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not list((tmp_path / "store").glob("cells/*")) if (tmp_path / "store").exists() else True


def test_an_unknown_study_is_an_error(study_command):
    result = study_command("run-grid", "dmo")
    assert result.exit_code == 2
    assert "Did you mean `demo`?" in result.stderr


def test_a_store_under_a_file_is_an_error(tiny_study, study_command, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    result = study_command("run-grid", tiny_study, "--store", blocker / "store")
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_provenance_names_versions_and_hashes(tiny_store):
    run = Store.open(tiny_store).read_run()
    assert run["environment"]["packages"]["torch"]
    assert run["runs"][0]["finished"] is not None
    assert len(run["runs"][0]["study_hash"]) == 64
    assert pd.Timestamp(run["runs"][0]["started"]) <= pd.Timestamp(run["runs"][0]["finished"])


def test_cells_of_another_backend_are_other_cells_and_the_grid_holds_one_backend(
    tiny_store, tiny_study, study_command, tmp_path
):
    root = tmp_path / "store"
    shutil.copytree(tiny_store, root)
    part = ["run-grid", tiny_study, "--store", root, "--only", "head=Linear", "--only", "seed=1"]
    result = study_command(*part, "--backend", "onnx", "--no-gradcam")
    assert result.exit_code == 0, result.output
    store = Store.open(root)
    planned = planned_cells(store)
    assert not set(planned["cell_id"]) & set(planned_cells(Store.open(tiny_store))["cell_id"])
    cells = store.cells().set_index("cell_id")
    assert set(cells.loc[planned["cell_id"], "backend"]) == {"onnx"}
    assert store.read_run()["runs"][-1]["backend"] == "onnx"
    assert "onnxruntime" in store.read_run()["environment"]["packages"]
    back = study_command("run-grid", tiny_study, "--store", root)
    assert "0 cells trained, 16 found done" in back.stdout
    assert set(planned_cells(store)["cell_id"]) == set(planned_cells(Store.open(tiny_store))["cell_id"])


@pytest.mark.parametrize(
    ("backend", "missing", "message"),
    [
        ("tensorrt", False, "`backend` is 'tensorrt'; allowed are torch, onnx"),
        ("onnx", True, "pip install '.[onnx]'"),
    ],
)
def test_a_backend_that_cannot_run_is_refused_before_anything_is_written(
    tiny_study, study_command, tmp_path, monkeypatch, backend, missing, message
):
    if missing:
        import importlib.util

        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = study_command("run-grid", tiny_study, "--store", tmp_path / "new", "--backend", backend)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "new").exists()


def test_the_audit_of_every_task_is_stored_and_told_in_a_dry_run(tiny_store, tiny_study, study_command):
    folder = tiny_store / "audit" / "breast"
    manifest = Store.open(tiny_store).read_manifest("breast")
    images = pd.read_parquet(folder / "images.parquet")
    assert images["image_id"].tolist() == manifest["image_id"].tolist()
    assert set(images["split"]) == {"train", "val", "test"}
    assert pd.read_parquet(folder / "shortcut.parquet")["statistics"].iloc[0] == "all"
    assert list(pd.read_parquet(folder / "pairs.parquet").columns) == list(PAIR_COLUMNS)
    findings = pd.read_parquet(folder / "findings.parquet")
    told = findings[findings["severity"] != "note"]["sentence"]
    text = " ".join(study_command("run-grid", tiny_study, "--dry-run").stdout.split())
    assert all(sentence in text for sentence in told)


def test_the_store_holds_the_layers_of_its_networks(tiny_store, tiny_study, study_command, tmp_path):
    layers = pd.read_parquet(tiny_store / "architecture.parquet")
    cells = Store.open(tiny_store).cells()
    for head, trained in layers.groupby("head")["n_trained"].sum().items():
        assert set(cells.loc[cells["head"] == head, "n_parameters"]) == {trained}
    copy = tmp_path / "part"
    study_command("run-grid", tiny_study, "--store", copy, "--only", "head=Linear", "--only", "seed=0")
    assert set(pd.read_parquet(copy / "architecture.parquet")["head"]) == {"Linear"}
    study_command("run-grid", tiny_study, "--store", copy, "--only", "head=NonLinear", "--only", "seed=0")
    both = pd.read_parquet(copy / "architecture.parquet")
    assert list(both["head"].drop_duplicates()) == ["Linear", "NonLinear"]
    assert both.equals(both.drop_duplicates(ignore_index=True))
