"""A split that leaks is marked in every row that speaks of its task."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from data.store import Store
from study.analyse import analyse
from study.analyses.leaks import leak_marks, marked
from study.config import parse_study

MakeStore = Callable[..., Store]


@pytest.fixture
def leaking(make_store: MakeStore) -> Store:
    """The knee task with 6 of 60 test images of patients in training; one of them is a copy as well."""
    store = make_store()
    manifest = store.read_manifest("knee")
    own = manifest["image_id"].isin([f"knee-test-{i:02d}" for i in range(6)])
    manifest.loc[own, "group_id"] = "train-p0"
    copies = manifest["image_id"].isin(["knee-test-00", "knee-train-05"])
    manifest["duplicate_group"] = pd.Series("knee-test-00", manifest.index).where(copies, None)
    store.write_manifest("knee", manifest)
    return store


def _leaks(frame: pd.DataFrame) -> pd.Series:
    return frame["note"].fillna("").str.contains("the split leaks: 10% of the test images have an image of")


def test_every_row_of_the_task_carries_the_mark_and_no_other_does(leaking: Store) -> None:
    tables = analyse(leaking, parse_study(leaking.read_study()).analysis)
    rows = tables["comparisons"]
    of_task = rows["task"].isin(["knee"]) | rows["task"].isna()
    assert (_leaks(rows) == of_task).all()
    assert of_task.any()
    assert not of_task.all()
    assert _leaks(tables["mixed_models"]).all()
    assert tables["mixed_models"]["note"].str.contains("task knee: the split leaks").all()
    sentences = tables["findings"].query("task == 'knee'")["sentence"]
    assert sentences.str.contains("split leaks").all()


def test_a_clean_split_has_no_mark(analysed: tuple[Store, dict[str, pd.DataFrame]]) -> None:
    store, tables = analysed
    assert leak_marks(store, ["breast", "knee"]) == {}
    assert not tables["comparisons"]["note"].fillna("").str.contains("leaks").any()
    assert tables["data_summary"].query("split == 'test'")["n_patient_in_training"].eq(0).all()
    assert tables["data_summary"]["n_copy_in_training"].isna().all()


def test_patients_and_copies_are_counted_apart(leaking: Store) -> None:
    mark = leak_marks(leaking, ["breast", "knee"])
    assert mark["knee"] == (
        "the split leaks: 10% of the test images have an image of the same patient or exam in training "
        "and 2% of the test images have a copy in training"
    )
    assert list(mark) == ["knee"]
    summary = analyse(leaking, parse_study(leaking.read_study()).analysis)["data_summary"]
    tested = summary[(summary["task"] == "knee") & (summary["split"] == "test")]
    assert tested["n_patient_in_training"].sum() == 6
    assert tested["n_copy_in_training"].sum() == 1
    assert summary.loc[summary["split"] == "train", "n_patient_in_training"].isna().all()


def test_copies_among_the_test_images_are_told(leaking: Store) -> None:
    manifest = leaking.read_manifest("knee")
    pair = manifest["image_id"].isin(["knee-test-10", "knee-test-11"])
    manifest.loc[pair, "duplicate_group"] = "knee-test-10"
    leaking.write_manifest("knee", manifest)
    mark = leak_marks(leaking, ["knee"])["knee"]
    assert mark.endswith("; 2 of 60 test images are copies of another one and count as independent")


def test_folds_count_together(leaking: Store) -> None:
    """Six of 60 in the first fold, none of 60 in the second."""
    split = leaking.read_split("knee")
    second = split.assign(split=split["split"].replace({"test": "val", "val": "test"}), fold=1)
    leaking.write_split("knee", pd.concat([split.assign(fold=0), second]))
    assert "5% of the test images have an image" in leak_marks(leaking, ["knee"])["knee"]


def test_a_mark_follows_what_a_note_says_already() -> None:
    rows = pd.DataFrame({"task": ["a", "b", None], "note": ["exact", None, None]})
    assert marked(rows, {"a": "leaks"})["note"].tolist() == ["exact; leaks", None, "task a: leaks"]
