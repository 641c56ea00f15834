"""Damaged files that belong to no cell are set aside before a run, so that it writes them anew."""

import pandas as pd
import pytest

from data.store import Store
from study.run.documents import set_aside_documents


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
