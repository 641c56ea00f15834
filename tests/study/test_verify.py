"""`study verify` finds what is not as it was written, and what contradicts itself."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.store import Store
from data.tables import HISTORY_TYPES
from study.verify.predictions import history_faults, prediction_faults


@pytest.fixture
def store(tmp_path, study_command):
    rng = np.random.default_rng(1)
    truth = np.arange(60) % 2
    scores = {name: np.clip(0.3 * truth + 0.6 * rng.random(60), 0, 1) for name in ("a", "b")}
    table = pd.DataFrame({"image": [f"i{k:02d}" for k in range(60)], "truth": truth, **scores})
    table.to_csv(tmp_path / "scores.csv", index=False)
    root = tmp_path / "store"
    options = ("--label", "truth", "--scores", "a,b", "--image-id", "image")
    assert study_command("import", tmp_path / "scores.csv", "--as", root, *options).exit_code == 0
    assert study_command("stats", root).exit_code == 0
    return Store.open(root)


@pytest.fixture
def report(store, study_command):
    def verify(*options):
        result = study_command("verify", store.where, "--json", *options)
        found = json.loads(result.stdout)
        assert result.exit_code == (0 if found["whole"] else 1)
        return found

    return verify


def _first(store):
    row = store.cells().iloc[0]
    row = {name: None if value is pd.NA else value for name, value in row.items()}
    return row, store.read_predictions(cell_ids=[row["cell_id"]])


def test_a_whole_store_is_whole(store, report, study_command):
    found = report()
    assert found["damaged"] == found["notes"] == []
    assert found["checked"]["cells"] == found["checked"]["metrics"] == 2
    printed = study_command("verify", store.where)
    assert printed.exit_code == 0
    assert printed.stdout.strip().endswith("2 cells, 2 metrics checked; all as written.")
    assert "metrics" not in report("--sample", "0")["checked"]


def test_a_flipped_bit_is_named_with_what_to_do(store, report):
    name = store.files("predictions")[0]
    content = bytearray(store.place.read_bytes(name))
    content[100] ^= 8
    store.write_file(name, bytes(content))
    found = report()
    assert [item["name"] for item in found["damaged"]] == [name]
    assert found["damaged"][0]["fault"].startswith("its SHA-256")
    assert "`study import` again" in found["damaged"][0]["remedy"]
    assert found["notes"] == ["No metrics were recomputed, because files are damaged."]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda f: f.assign(score=f["score"].where(f.index != 3, 1.5)), "1 score(s) lie outside 0 to 1"),
        (lambda f: f.iloc[1:], "1 image(s) of the split have no prediction (image_id 'i00')"),
        (lambda f: f.assign(label=1 - f["label"]), "60 `label` differ from the manifest"),
        (lambda f: f.assign(split="val"), "60 image(s) are not in that part of the split"),
        (lambda f: f.assign(logit_0=0.0, logit_1=9.0), "60 score(s) are not the softmax of their logits"),
        (lambda f: f.assign(seed=7), "its `seed` is not that of the cell's row (0)"),
        (lambda f: f.assign(image_id=f["image_id"].replace("i01", "new")), "image(s) are not in that part"),
    ],
)
def test_predictions_that_contradict_the_store_are_named(store, report, change, fault):
    row, frame = _first(store)
    store.write_cell(row, change(frame))
    faults = [item["fault"] for item in report()["damaged"]]
    assert any(fault in text for text in faults), faults


def test_metrics_that_do_not_follow_from_the_predictions_are_named(store, report):
    metrics = store.read_result("metrics")
    store.write_result("metrics", metrics.assign(test_auc=metrics["test_auc"] + 1e-15))
    faults = [item["fault"] for item in report()["damaged"]]
    assert len(faults) == 2
    assert "`test_auc` of cell" in faults[0]


def test_damaged_and_missing_results_and_tables_are_named(store, report):
    store.place.remove("results/findings.csv")
    content = store.place.read_bytes("results/metrics.parquet")
    store.write_file("results/metrics.parquet", content[:-1] + b"x")
    store.write_file("manifest/imported.parquet", store.place.read_bytes("manifest/imported.parquet")[:-9])
    found = {item["name"]: item for item in report()["damaged"]}
    assert found["results/findings.csv"]["fault"] == "it is missing"
    assert found["results/metrics.parquet"]["remedy"].startswith("Run `study stats")
    assert "cannot be read" in found["manifest/imported.parquet"]["fault"]


@pytest.mark.parametrize(
    "name",
    ["run.json", "study.toml", "grid.parquet", "manifest/imported.parquet", "splits/imported.parquet"],
)
def test_a_document_that_is_gone_is_named(store, report, name):
    (store.root / name).unlink()
    (found,) = report()["damaged"]
    assert found["name"] == name
    assert "it is missing" in found["fault"] or "has no splits for task" in found["fault"]


@pytest.mark.parametrize("name", ["grid.parquet", "manifest/imported.parquet", "splits/imported.parquet"])
def test_a_byte_that_changes_no_value_of_a_document_is_named(store, report, name):
    path = store.root / name
    content = path.read_bytes()
    at = content.rindex(b"parquet-cpp-arrow")  # who wrote it: no reader looks
    path.write_bytes(content[:at] + b"P" + content[at + 1 :])
    (found,) = report()["damaged"]
    assert (found["name"], found["fault"]) == (name, "its SHA-256 is another one than when it was written")


def test_a_row_that_is_gone_is_named_where_results_were_made_from_it(store, report, study_command):
    name = store.files("cells")[0]
    cell_id = name.removeprefix("cells/").removesuffix(".json")
    (store.root / name).unlink()
    (found,) = report()["damaged"]
    assert found["name"] == name
    assert found["fault"] == "it is missing, and the results were made from this cell"
    assert "study import" in found["remedy"]
    store.remove_results(store.results())
    again = report()
    assert again["damaged"] == []
    assert any(f"have predictions and no row (first {cell_id})" in note for note in again["notes"])


def test_result_tables_without_their_checksums_are_named(store, report):
    (store.root / "results/checksums.json").unlink()
    (found,) = report()["damaged"]
    assert found["name"] == "results/checksums.json"
    assert found["fault"] == "it is missing, so the results cannot be checked"


def test_pictures_arrays_and_features_are_read(store, report):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32), dtype=np.uint8)).save(buffer, "PNG")
    picture = bytearray(buffer.getvalue())
    store.write_file("gradcam/c/whole.png", bytes(picture))
    picture[60] ^= 1
    store.write_file("gradcam/c/bent.png", bytes(picture))
    buffer = io.BytesIO()
    np.savez(buffer, heat=np.arange(500.0))
    arrays = bytearray(buffer.getvalue())
    arrays[900] ^= 1
    store.write_file("gradcam/c/heatmaps.npz", bytes(arrays))
    store.write_file("features/g/val.npy", b"numbers")
    store.write_file("features/g/val.sha256", b"0" * 64)
    assert [item["name"] for item in report()["damaged"]] == [
        "features/g/val.npy",
        "gradcam/c/bent.png",
        "gradcam/c/heatmaps.npz",
    ]


@pytest.mark.parametrize("content", [b"", b'{"results/analysed.csv": {"si', b"\xb2"])
def test_damaged_checksums_of_the_results_are_named(store, report, content):
    (store.root / "results/checksums.json").write_bytes(content)
    (found,) = report()["damaged"]
    assert found["name"] == "results/checksums.json"
    assert "study stats" in found["remedy"]


def test_a_store_without_checksums_is_readable_and_said_to_be_so(store, report):
    for name in store.files("cells"):
        row = json.loads(store.place.read_bytes(name))
        old = {key: value for key, value in row.items() if key not in ("files", "sha256")}
        store.write_file(name, json.dumps(old).encode())
    store.place.remove("results/checksums.json")
    found = report()
    assert found["whole"]
    assert found["notes"][0].startswith("2 cell(s) were written without checksums")
    assert "result file(s) have no checksum" in found["notes"][1]


def test_columns_and_types_are_those_of_the_schema(store):
    row, _ = _first(store)
    name = f"predictions/task={row['task']}/{row['cell_id']}.parquet"
    frame = store.read_table(name)
    store.write_table("other.parquet", frame.drop(columns="fold").assign(label=1.0, more="x"))
    content = store.place.read_bytes("other.parquet")
    faults = list(prediction_faults(content, row, manifest=None, split=None))
    assert "it lacks the column `fold`" in faults
    assert "its column `label` holds double instead of int8" in faults
    assert "its column `more` is not known" in faults
    (fault,) = prediction_faults(b"no parquet", row, manifest=None, split=None)
    assert "cannot be read" in fault


def test_a_history_counts_its_epochs(store):
    def faults(epochs):
        store.write_table("h.parquet", pd.DataFrame({"cell_id": "c", "epoch": epochs}), HISTORY_TYPES)
        return list(history_faults(store.place.read_bytes("h.parquet"), "c"))

    assert faults([0, 1, 2]) == []
    assert faults([0, 2]) == ["its epochs are not 0 to 1 in order"]
