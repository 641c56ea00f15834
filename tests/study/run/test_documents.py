"""Damaged files that belong to no cell are set aside before a run, so that it writes them anew."""

import pandas as pd
import pytest

from data.store import Store
from study.config import load_study
from study.run.documents import document_checksums, set_aside_documents
from study.run.provenance import begin_run, finish_run


@pytest.fixture
def store(tmp_path):
    made = Store.create(tmp_path / "store")
    made.write_study("name = 'x'\n")
    made.write_run({"runs": []})
    made.write_grid(pd.DataFrame({"cell_id": ["a"], "task": ["t"], "index": [0]}))
    made.write_table("architecture.parquet", pd.DataFrame({"layer": ["fc"]}))
    return made


def test_whole_documents_stay(store):
    assert set_aside_documents(store.where) == ()
    assert set_aside_documents(f"{store.where}-not-made") == ()


@pytest.mark.parametrize("name", ["run.json", "study.toml", "grid.parquet", "architecture.parquet"])
def test_a_damaged_document_is_kept_below_damaged_and_named(store, name):
    path = store.root / name
    path.write_bytes(b"\xff" + path.read_bytes()[1:-9])
    content = path.read_bytes()
    (line,) = set_aside_documents(store.where)
    assert line.startswith(f"damaged file set aside: {name} (")
    assert (store.root / "damaged" / name).read_bytes() == content
    assert not path.exists()
    assert set_aside_documents(store.where) == ()


def test_a_study_file_that_is_toml_and_no_study_is_set_aside_only_where_it_was_changed(store):
    store.write_study("")
    assert set_aside_documents(store.where) == ()  # of another version, for all that is known
    store.write_study(load_study("demo").text)
    begin_run(store, {}, token="a", documents=document_checksums(store, []))
    assert set_aside_documents(store.where) == ()
    store.write_study("")
    (line,) = set_aside_documents(store.where)
    assert line.startswith("damaged file set aside: study.toml (")


def test_a_run_on_some_tasks_keeps_the_checksums_of_others(store):
    begin_run(store, {}, token="a", documents={"manifest/x.parquet": {"size": 1, "sha256": "0"}})
    begin_run(store, {}, token="b", documents={"manifest/y.parquet": {"size": 2, "sha256": "1"}})
    finish_run(store, {"trained": 0}, token="b")
    record = store.read_run()
    assert set(record["documents"]) == {"manifest/x.parquet", "manifest/y.parquet"}
    assert record["runs"][1]["trained"] == 0
