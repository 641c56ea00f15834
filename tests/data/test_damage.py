"""A damaged file is found, named, set aside and never used in silence."""

import json
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

from data.store import DamagedFileError, Store


def _frame(cell_id, n=40):
    score = np.random.default_rng(len(cell_id)).random(n)
    return pd.DataFrame(
        {
            "cell_id": cell_id,
            "seed": 0,
            "fold": 0,
            "split": "test",
            "image_id": [f"i{k:03d}" for k in range(n)],
            "group_id": None,
            "label": np.arange(n) % 2,
            "score": score,
        }
    )


@pytest.fixture
def store(tmp_path):
    made = Store.create(tmp_path / "store")
    for cell_id in ("c1", "c2", "c3"):
        history = pd.DataFrame({"epoch": [0, 1], "val_auc": [0.5, 0.6]})
        made.write_cell({"cell_id": cell_id, "task": "t", "status": "done"}, _frame(cell_id), history)
    made.checkpoint_path("c1").parent.mkdir()
    made.checkpoint_path("c1").write_bytes(b"tensors" * 100)
    made.keep_checkpoint("c1")
    made.write_run({"runs": [{"study": "tiny"}]})
    return made


def _flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def _delete(path):
    path.unlink()


PARTS = {
    "predictions": "predictions/task=t/c1.parquet",
    "history": "history/task=t/c1.parquet",
    "checkpoint": "checkpoints/c1.safetensors",
    "row": "cells/c1.json",
}


def test_an_undamaged_store_is_found_whole(store):
    store.whole()
    assert store.set_aside_damaged() == []
    assert store.has_checkpoint("c1")
    assert not store.has_checkpoint("c2")
    assert len(store.read_predictions()) == 120


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", [_flip, _cut, _delete])
def test_damage_is_named_set_aside_and_the_cell_is_open_again(store, part, damage):
    path = store.root / PARTS[part]
    before = path.read_bytes()
    damage(path)
    if part == "row" and damage is _delete:
        assert store.set_aside_damaged() == []  # without a row there is no cell
        assert not store.is_done("c1")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (line,) = store.set_aside_damaged()
        assert store.is_done("c1") == (part == "checkpoint")
    assert line.startswith(f"damaged file set aside: {PARTS[part]} (")
    kept = store.root / "damaged" / PARTS[part]
    assert kept.exists() == (damage is not _delete)
    assert not path.exists()
    assert not kept.exists() or kept.read_bytes() != before
    assert {store.is_done("c2"), store.is_done("c3")} == {True}
    assert store.set_aside_damaged() == []
    store.whole()


@pytest.mark.parametrize("damage", [_flip, _cut, _delete])
def test_reading_damaged_predictions_stops_and_says_what_to_run(store, damage):
    damage(store.root / PARTS["predictions"])
    with pytest.raises(
        DamagedFileError, match=r"t/c1\.parquet' is damaged: it.*`study run-grid tiny --store .*store`"
    ):
        store.read_predictions()
    assert len(store.read_predictions(cell_ids=["c2"])) == 40


def test_every_flipped_byte_of_a_prediction_file_is_found(store):
    path = store.root / PARTS["predictions"]
    before = path.read_bytes()
    for place in range(0, len(before), 37):
        path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
        with pytest.raises(DamagedFileError, match="SHA-256"):
            store.read_predictions(cell_ids=["c1"])


def test_a_changed_number_in_a_row_is_found(store):
    path = store.root / PARTS["row"]
    path.write_text(path.read_text().replace('"t"', '"u"', 1))
    with pytest.raises(DamagedFileError, match=r"1 file.s. are damaged: '.*c1\.json' .its values are not"):
        store.whole()


def test_sizes_alone_find_missing_and_cut_files(store):
    _cut(store.root / PARTS["history"])
    _delete(store.root / "predictions/task=t/c2.parquet")
    with pytest.raises(DamagedFileError, match=r"2 file.s. .*history.*bytes instead of.*c2.* .it is missing"):
        store.whole()


def test_a_second_damaged_file_of_one_name_is_kept_too(store):
    for _ in range(2):
        _flip(store.root / PARTS["history"])
        store.set_aside_damaged()
        history = pd.DataFrame({"epoch": [0, 1], "val_auc": [0.5, 0.6]})
        store.write_cell({"cell_id": "c1", "task": "t", "status": "done"}, _frame("c1"), history)
    kept = sorted(path.name for path in (store.root / "damaged" / "history" / "task=t").iterdir())
    assert kept == ["c1.parquet", "c1.parquet.2"]
    assert store.is_done("c1")


def test_a_checkpoint_that_was_not_kept_to_the_end_does_not_count(store):
    shutil.copy(store.checkpoint_path("c1"), store.checkpoint_path("c2"))
    assert not store.has_checkpoint("c2")


def test_a_store_from_before_there_were_checksums_stays_readable(store):
    for path in (store.root / "cells").iterdir():
        row = json.loads(path.read_text())
        path.write_text(json.dumps({k: v for k, v in row.items() if k not in ("files", "sha256")}))
    assert len(store.read_predictions()) == 120
    assert len(store.read_history()) == 6
    assert store.has_checkpoint("c1")
    store.whole()
    (store.root / PARTS["predictions"]).unlink()
    with pytest.raises(DamagedFileError, match="it is missing"):
        store.whole()


def test_damaged_results_and_provenance_are_named(store):
    store.write_result("metrics", _frame("c1"))
    store.write_result("other", _frame("c2"))
    _flip(store.root / "results" / "metrics.parquet")
    with pytest.raises(DamagedFileError, match=r"metrics\.parquet' is damaged: .* Run `study stats"):
        store.read_result("metrics")
    assert len(store.read_result("other")) == 40
    store.write_result("metrics", _frame("c1"))
    assert len(store.read_result("metrics")) == 40
    path = store.root / "run.json"
    path.write_text(path.read_text().replace("tiny", "tinz"))
    with pytest.raises(DamagedFileError, match=r"run\.json' is damaged .its values are not those"):
        store.read_run()


def test_flipped_bytes_of_other_tables_are_found_by_their_pages(store):
    store.write_table("gradcam/index.parquet", _frame("c1"))
    path = store.root / "gradcam" / "index.parquet"
    before = path.read_bytes()
    pages = len(before) - 8 - int.from_bytes(before[-8:-4], "little")  # what follows has no checksum
    whole = store.read_table("gradcam/index.parquet")
    found = 0
    for place in range(4, pages, 7):
        path.write_bytes(before[:place] + bytes([before[place] ^ 16]) + before[place + 1 :])
        try:
            read = store.read_table("gradcam/index.parquet")
        except ValueError:
            found += 1
            continue
        assert read.equals(whole)  # a byte without a meaning
    assert found > 0.7 * pages / 7
