"""The store: what is written is read back, per cell all or nothing, and errors say what to do."""

import csv
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from data.store import Store

ROOT = Path(__file__).parents[2]


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def _predictions(cell_id, n=6, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 2)).astype("float32")
    margin = logits[:, 1].astype("float64") - logits[:, 0].astype("float64")
    return pd.DataFrame(
        {
            "cell_id": cell_id,
            "seed": seed,
            "fold": 0,
            "split": (["val"] * (n // 2) + ["test"] * n)[:n],
            "image_id": [f"image {i:04d}" for i in range(n)],
            "group_id": [None] * n,
            "label": np.arange(n) % 2,
            "score": 1 / (1 + np.exp(-margin)),
            "logit_0": logits[:, 0],
            "logit_1": logits[:, 1],
        }
    )


def _history():
    return pd.DataFrame({"epoch": [0, 1], "lr": [1e-4, 5e-5], "val_auc": [0.5, 0.75]})


def _row(cell_id, task="breast", status="done", **more):
    return {"cell_id": cell_id, "task": task, "status": status, **more}


def _filled(root):
    store = Store.create(root)
    for index, (cell_id, task) in enumerate([("c9", "breast"), ("c1", "breast"), ("c5", "acl")]):
        store.write_cell(_row(cell_id, task, index=index), _predictions(cell_id, seed=index), _history())
    store.write_cell(_row("c0", status="failed", reason="loss is NaN", index=3))
    return store


def test_study_and_run_are_kept_to_the_byte(tmp_path):
    store = Store.create(tmp_path / "new" / "store")
    store.write_study('name = "größe"\r\n')
    store.write_run({"commit": "abc", "seconds": 0.1, "hosts": ["a"], "none": None})
    again = Store.open(tmp_path / "new" / "store")
    assert again.read_study() == 'name = "größe"\r\n'
    assert again.read_run() == {"commit": "abc", "seconds": 0.1, "hosts": ["a"], "none": None}


def test_manifest_and_split_round_trip_with_and_without_groups(tmp_path):
    store = Store.create(tmp_path)
    manifest = pd.DataFrame(
        {"image_id": ["a", "b"], "group_id": ["p1", None], "label": np.array([0, 1], dtype="int8")}
        | {"class": ["good", "bad"], "sha256": ["0" * 64, "1" * 64], "width": [8, 8], "height": [4, 4]}
    )
    store.write_manifest("breast", manifest)
    store.write_manifest("acl", manifest.assign(group_id=None))
    assert store.tasks() == ["acl", "breast"]
    assert_frame_equal(store.read_manifest("breast"), manifest)
    assert store.read_manifest("acl")["group_id"].isna().all()
    split = pd.DataFrame({"image_id": ["a", "b"], "split": ["train", "test"]})
    store.write_split("breast", split)
    assert_frame_equal(store.read_split("breast"), split)


@pytest.mark.parametrize("column", ["group_id", "class", "sha256", "width"])
def test_a_manifest_without_a_column_that_the_analyses_read_is_refused_by_its_name(tmp_path, column):
    store = Store.create(tmp_path)
    row = {"image_id": "a", "group_id": "p", "class": "x", "label": 1, "sha256": "0", "width": 8, "height": 4}
    store.write_manifest("breast", pd.DataFrame([row]).drop(columns=column))
    with pytest.raises(ValueError, match=rf"breast\.parquet.* no column '{column}'"):
        store.read_manifest("breast")


def test_predictions_come_in_task_cell_split_image_order(tmp_path):
    store = _filled(tmp_path)
    frame = store.read_predictions(columns=["task", "cell_id", "split", "image_id"])
    assert frame.columns.tolist() == ["task", "cell_id", "split", "image_id"]
    assert frame[["task", "cell_id", "split"]].drop_duplicates().to_numpy().tolist() == [
        ["acl", "c5", "val"],
        ["acl", "c5", "test"],
        ["breast", "c9", "val"],
        ["breast", "c9", "test"],
        ["breast", "c1", "val"],
        ["breast", "c1", "test"],
    ]
    assert (
        frame.groupby(["cell_id", "split"])["image_id"].apply(lambda ids: ids.is_monotonic_increasing).all()
    )


def test_row_order_of_what_is_written_does_not_matter(tmp_path):
    frame = _predictions("c1", n=40)
    first, second = Store.create(tmp_path / "a"), Store.create(tmp_path / "b")
    first.write_cell(_row("c1"), frame, None)
    second.write_cell(_row("c1"), frame.sample(frac=1, random_state=3), None)
    file = Path("predictions/task=breast/c1.parquet")
    assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_predictions_filter_by_task_cell_split_and_column(tmp_path):
    store = _filled(tmp_path)
    frame = store.read_predictions(task="breast", cell_ids=["c1"], splits=["test"], columns=["score"])
    expected = _predictions("c1", seed=1).query("split == 'test'")["score"]
    assert frame.columns.tolist() == ["score"]
    assert frame["score"].tolist() == expected.tolist()
    assert store.read_predictions(cell_ids=[]).empty


def test_history_gets_task_and_cell(tmp_path):
    store = _filled(tmp_path)
    frame = store.read_history(task="acl")
    assert_frame_equal(frame, _history().assign(task="acl", cell_id="c5")[frame.columns])
    assert frame.columns.tolist() == ["task", "cell_id", "epoch", "lr", "val_auc"]


def test_cells_keep_grid_order_and_kinds(tmp_path):
    store = Store.create(tmp_path)
    store.write_cell(
        _row("b", index=1, filters=4, unfreeze="all", lr=1e-4, amp=True), _predictions("b"), None
    )
    store.write_cell(_row("a", index=2, filters=None, unfreeze=3, lr=0.1, amp=False), _predictions("a"), None)
    store.write_cell(_row("c", index=0, status="failed", reason="out of memory"))
    frame = store.cells()
    assert frame["cell_id"].tolist() == ["c", "b", "a"]
    assert frame.columns[:4].tolist() == ["cell_id", "status", "reason", "task"]
    assert frame["filters"].astype("string").tolist() == [pd.NA, "4", pd.NA]
    assert frame["unfreeze"].tolist()[1:] == ["all", "3"]
    assert frame["lr"].tolist()[1:] == [1e-4, 0.1]
    assert frame["reason"].tolist()[0] == "out of memory"
    store.refresh_index()
    assert_frame_equal(pd.read_parquet(tmp_path / "cells.parquet"), frame, check_dtype=False)


def test_an_empty_store_has_no_cells_and_no_predictions(tmp_path):
    store = Store.create(tmp_path)
    assert store.cells().empty
    assert store.cells().columns.tolist() == ["cell_id", "status", "reason", "task"]
    assert store.read_predictions().empty
    assert "score" in store.read_predictions()
    assert store.results() == []


def test_done_means_done(tmp_path):
    store = _filled(tmp_path)
    assert store.is_done("c9")
    assert not store.is_done("c0")
    assert not store.is_done("unknown")


def test_a_cell_that_fails_on_a_second_run_hides_its_old_predictions(tmp_path):
    store = _filled(tmp_path)
    store.write_cell(_row("c9", status="failed", reason="loss is NaN"))
    assert "c9" not in set(store.read_predictions()["cell_id"])
    store.write_cell(_row("c0"), _predictions("c0"), _history())
    assert store.is_done("c0")


def test_half_a_cell_is_no_cell(tmp_path):
    store = _filled(tmp_path)
    (tmp_path / "cells" / "c9.json").unlink()
    assert not store.is_done("c9")
    assert "c9" not in set(store.read_predictions()["cell_id"])
    (tmp_path / "cells" / ".c9.json.77-ab.tmp").write_text('{"cell_id": ')
    (tmp_path / "predictions" / "task=breast" / ".c9.parquet.77-ab.tmp").write_bytes(b"PAR1")
    assert len(store.cells()) == 3


def test_a_damaged_cell_file_is_named_and_counts_as_not_run(tmp_path):
    store = _filled(tmp_path)
    for text in (
        "",
        '{"cell_id": "c9", "sta',
        '{"cell_id": "other", "task": "breast", "status": "done"}',
        "[]",
        "[" * 100_000,
    ):
        (tmp_path / "cells" / "c9.json").write_text(text)
        with pytest.warns(UserWarning, match=r"cells/c9\.json' is damaged .* Run the grid again"):
            assert not store.is_done("c9")
        with pytest.warns(UserWarning, match=r"c9"):
            assert "c9" not in store.cells()["cell_id"].tolist()


def test_a_damaged_prediction_file_is_named(tmp_path):
    store = _filled(tmp_path)
    path = tmp_path / "predictions" / "task=breast" / "c9.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"breast/c9\.parquet' is damaged: .*`study run-grid STUDY --store"):
        store.read_predictions(task="breast")
    path.unlink()
    with pytest.raises(ValueError, match=r"c9\.parquet' is damaged: it is missing"):
        store.read_predictions(task="breast")


def test_results_round_trip_and_csv_keeps_every_bit(tmp_path):
    store = Store.create(tmp_path)
    frame = pd.DataFrame(
        {
            "estimate": [1 / 3, np.nextafter(0.1, 1), 5e-324, np.nan, np.inf],
            "n": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "note": ["a, b", None, 'say "so"', "Ω\nnew line", ""],
        }
    )
    store.write_result("comparisons", frame)
    assert_frame_equal(store.read_result("comparisons"), frame)
    with (tmp_path / "results" / "comparisons.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["n"] for row in rows] == ["1", "", "3", "4", "5"]
    assert [row["note"] for row in rows] == ["a, b", "", 'say "so"', "Ω\nnew line", ""]
    estimates = np.array([float(row["estimate"] or "nan") for row in rows])
    assert estimates.tobytes() == frame["estimate"].to_numpy().tobytes()
    assert store.results() == ["comparisons"]


def test_places_stay_inside_the_store(tmp_path):
    store = Store.create(tmp_path)
    for path in (
        store.features_dir("abc"),
        store.checkpoint_path("c1"),
        store.gradcam_dir(),
        store.results_dir(),
    ):
        assert path.is_relative_to(tmp_path)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b", "a\0", "ä", "-rf", "x" * 129])
def test_names_cannot_leave_the_store(tmp_path, name):
    store = Store.create(tmp_path)
    with pytest.raises(ValueError, match=r"cannot be part of a file name: use 1 to 128 letters"):
        store.write_manifest(name, pd.DataFrame({"image_id": ["a"]}))
    with pytest.raises(ValueError, match=r"The cell_id .* cannot be part of a file name"):
        store.write_cell(_row(name, status="failed"))
    with pytest.raises(ValueError, match=r"The task .* cannot be part of a file name"):
        store.write_cell(_row("c1", task=name, status="failed"))
    with pytest.raises(ValueError, match=r"The group_key"):
        store.features_dir(name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cells"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="score"), "lack the column.s. score"),
        (lambda f: f.assign(cell_id="c2"), "6 prediction.s. of cell 'c1' belong to another cell"),
        (lambda f: f.assign(split="dev"), "have a split that is not one of train, val, test"),
        (lambda f: f.assign(label=2), "have a label that is not 0 or 1"),
        (
            lambda f: f.assign(score=f["score"].where(f.index != 2)),
            "`score` that is not finite.*'image 0002'",
        ),
        (
            lambda f: f.assign(logit_1=np.float32(np.inf)),
            "`logit_1` that is not finite; record the cell as failed",
        ),
        (lambda f: f.assign(image_id="same"), "repeat an image of their split"),
    ],
)
def test_predictions_that_would_mislead_are_refused(tmp_path, change, message):
    store = Store.create(tmp_path)
    with pytest.raises(ValueError, match=message):
        store.write_cell(_row("c1"), change(_predictions("c1")), None)
    assert store.cells().empty


def test_rows_that_make_no_sense_are_refused(tmp_path):
    store = Store.create(tmp_path)
    with pytest.raises(ValueError, match=r"A cell row needs `task`, `status`"):
        store.write_cell({"cell_id": "c1"})
    with pytest.raises(ValueError, match=r"`status` must be one of done, failed, but 'ok' came"):
        store.write_cell(_row("c1", status="ok"))
    with pytest.raises(ValueError, match=r"Cell 'c1' is done: a done cell has predictions"):
        store.write_cell(_row("c1"))
    with pytest.raises(ValueError, match=r"Cell 'c1' is failed: .* a failed cell has its row alone"):
        store.write_cell(_row("c1", status="failed"), _predictions("c1"), None)
    with pytest.raises(TypeError, match=r"Cell 'c1': `filters` must be a text, number.* but a list came"):
        store.write_cell(_row("c1", filters=[4]), _predictions("c1"), None)
    assert store.cells().empty


def test_reading_what_is_not_there_says_what_to_do(tmp_path):
    store = _filled(tmp_path)
    with pytest.raises(ValueError, match=r"has no cell of task 'knee' .tasks: acl, breast"):
        store.read_predictions(task="knee")
    with pytest.raises(
        ValueError, match=r"1 cell.s. are not done .* for task 'acl', first 'c9'. Run the grid again"
    ):
        store.read_predictions(task="acl", cell_ids=["c9"])
    with pytest.raises(ValueError, match=r"has no column 'auc'; it has cell_id, seed"):
        store.read_predictions(columns=["auc"])
    with pytest.raises(ValueError, match=r"`splits` names 'dev'; the splits are train, val, test"):
        store.read_predictions(splits=["dev"])
    with pytest.raises(TypeError, match=r"`splits` must be a list of names, not the text 'test'"):
        store.read_predictions(splits="test")
    with pytest.raises(TypeError, match=r"`cell_ids` must be a list"):
        store.read_predictions(cell_ids="c1")
    with pytest.raises(
        FileNotFoundError, match=r"no result table 'metrics' .tables: none.. Run `study stats"
    ):
        store.read_result("metrics")
    with pytest.raises(
        FileNotFoundError, match=r"no manifest for task 'acl' .tasks: none.. Run `study run-grid`"
    ):
        store.read_manifest("acl")
    with pytest.raises(FileNotFoundError, match=r"no study\.toml. Run `study run-grid`"):
        store.read_study()


def test_opening_what_is_not_a_store_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no store at .*Run `study run-grid` first"):
        Store.open(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"is not a store .no folder `cells`"):
        Store.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match=r"The store .*file' is a file"):
        Store.open(tmp_path / "file")


def test_a_store_that_cannot_be_made_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "file").write_text("x")
    for root in (tmp_path / "file", tmp_path / "file" / "below" / "store"):
        with pytest.raises(NotADirectoryError, match=r"cannot be made: '.*/file' is a file.* with --store"):
            Store.create(root)
    if Path("/proc/self").exists():
        with pytest.raises(
            PermissionError, match=r"The store '/proc/self/runs' cannot be written .* --store"
        ):
            Store.create("/proc/self/runs")
    assert _names(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=r"cannot be written"):
        Store.create(tmp_path / "store")


def test_creating_again_keeps_cells_and_clears_what_a_killed_process_left(tmp_path):
    _filled(tmp_path)
    stale = tmp_path / "predictions" / "task=breast" / ".c7.parquet.1-ab.tmp"
    stale.write_bytes(b"half")
    os.utime(stale, (0, 0))
    assert len(Store.create(tmp_path).cells()) == 4
    assert not stale.exists()


_WRITE_FOREVER = """
import sys
import numpy as np, pandas as pd
from data.store import Store
store = Store.create(sys.argv[1])
n = 3000
for i in range(100_000):
    cell = f"c{i:06d}"
    frame = pd.DataFrame({"cell_id": cell, "seed": 0, "fold": 0, "split": "test",
        "image_id": [f"i{k:05d}" for k in range(n)], "group_id": None, "label": np.arange(n) % 2,
        "score": np.arange(n) / n})
    store.write_cell({"cell_id": cell, "task": "t", "status": "done", "index": i}, frame, None)
    print(i, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_sigkill_leaves_whole_cells_only(tmp_path):
    rng = np.random.default_rng(5)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for round_number in range(2):
        root = tmp_path / str(round_number)
        with subprocess.Popen(
            [sys.executable, "-c", _WRITE_FOREVER, root], stdout=subprocess.PIPE, env=environment
        ) as process:
            process.stdout.readline()
            time.sleep(0.05 + 0.1 * rng.random())
            process.send_signal(signal.SIGKILL)
        store = Store.open(root)
        cells = store.cells()
        assert len(cells) >= 1
        assert (store.read_predictions().groupby("cell_id").size() == 3000).all()
        assert store.read_predictions()["cell_id"].nunique() == len(cells)
        assert [json.loads(path.read_text())["status"] for path in (root / "cells").glob("*.json")]


def _write_cells(root, first):
    store = Store.create(root)
    for i in range(first, 16, 2):
        cell_id = f"c{i:02d}"
        store.write_cell(_row(cell_id, index=i), _predictions(cell_id, seed=i), _history())
        store.write_cell(_row("shared"), _predictions("shared"), _history())
        store.refresh_index()


def test_two_processes_on_one_store_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_cells, args=(tmp_path, first)) for first in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    store = Store.open(tmp_path)
    assert len(store.cells()) == 17
    for i in range(16):
        cell_id = f"c{i:02d}"
        frame = store.read_predictions(cell_ids=[cell_id])
        assert frame["score"].tolist() == _predictions(cell_id, seed=i)["score"].tolist()
    assert not list(tmp_path.rglob("*.tmp"))


def test_mapped_predictions_are_those_that_are_read(tmp_path):
    store = _filled(tmp_path)
    columns = ["image_id", "label", "score", "logit_0"]
    seen = list(
        store.map_predictions(
            lambda cell_id, parts: (cell_id, {name: part.to_pandas() for name, part in parts.items()}),
            splits=("val", "test"),
            columns=columns,
        )
    )
    whole = store.read_predictions(splits=("val", "test"))
    assert [cell_id for cell_id, _ in seen] == list(dict.fromkeys(whole["cell_id"]))
    for cell_id, parts in seen:
        own = whole[whole["cell_id"] == cell_id]
        assert list(parts) == [name for name in ("val", "test") if (own["split"] == name).any()]
        for name, part in parts.items():
            assert_frame_equal(part, own.loc[own["split"] == name, columns].reset_index(drop=True))


def test_mapped_predictions_do_without_logits_but_not_without_scores(tmp_path):
    store = Store.create(tmp_path)
    store.write_cell(_row("c0"), _predictions("c0").drop(columns=["logit_0", "logit_1"]))

    def names(cell_id, parts):
        return {name for part in parts.values() for name in part.column_names}

    assert list(store.map_predictions(names, splits=("test",), columns=["score", "logit_1"])) == [{"score"}]
    with pytest.raises(ValueError, match="has no column 'margin'"):
        list(store.map_predictions(names, splits=("test",), columns=["margin"]))


def test_a_store_read_whole_stays_as_it_was(tmp_path):
    store = _filled(tmp_path)
    held = store.whole()
    before = held.cells()
    store.write_cell(_row("c7", task="knee"), _predictions("c7", seed=7))
    assert_frame_equal(held.cells(), before)
    assert held.whole() is held
    assert len(store.whole().cells()) == len(before) + 1


def test_hashes_of_predictions_come_from_rows_and_else_from_files(tmp_path):
    store = _filled(tmp_path)
    cells = store.cells().query("status == 'done'")
    tasks = dict(zip(cells["cell_id"], cells["task"], strict=True))
    found = store.predictions_hashes(tasks)
    files = {path.stem: path.read_bytes() for path in tmp_path.glob("predictions/*/*.parquet")}
    assert found == {cell_id: hashlib.sha256(files[cell_id]).hexdigest() for cell_id in tasks}
    for path in tmp_path.glob("cells/*.json"):  # as they were before there were checksums
        row = json.loads(path.read_text())
        path.write_text(json.dumps({key: row[key] for key in row if key not in ("files", "sha256")}))
    assert store.predictions_hashes(tasks) == found
