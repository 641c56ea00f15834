"""A compacted store reads as before, byte for byte, and takes new cells, new runs and deletions."""

import json

import pandas as pd
import pytest

from data.place.remote import RemotePlace
from data.store import Store
from data.store.packs.compact import compact
from data.store.packs.view import PackedPlace
from tests.data.packs.conftest import content, predictions, write_cells


def _files(store):
    found = (path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())
    return sorted(
        name for name in found if name.split("/")[0] in ("cells", "predictions", "history", "packs")
    )


def test_a_compacted_store_reads_as_before(store):
    before = content(store)
    done = store.compact()
    assert (done.packed, done.left) == (9, {})
    assert content(store) == content(Store.open(store.root)) == before
    files = _files(store)
    assert files[0] == "cells/bad.json"  # what failed is tried again, and stays by itself
    # Per task one pack of cells with a history and one of cells without.
    assert len(files) == done.after == 1 + 2 * 3 + 2 * 2
    assert done.before == 1 + 9 * 2 + 6


def test_any_reader_of_parquet_takes_the_folder(store):
    before = store.read_predictions(columns=["task", "cell_id", "image_id", "score"])
    store.compact()
    read = pd.read_parquet(store.root / "predictions", columns=["task", "cell_id", "image_id", "score"])
    order = ["task", "cell_id", "image_id"]
    read["task"] = read["task"].astype(str)
    pd.testing.assert_frame_equal(
        read.sort_values(order, ignore_index=True), before.sort_values(order, ignore_index=True)
    )


def test_compacting_again_changes_nothing(store):
    store.compact()
    files = {name: (store.root / name).stat().st_mtime_ns for name in _files(store)}
    done = store.compact()
    assert (done.packed, done.packs, done.before) == (0, 0, done.after)
    assert {name: (store.root / name).stat().st_mtime_ns for name in _files(store)} == files


def test_the_number_of_files_is_bounded_however_often_cells_come(store):
    for k in range(12):
        write_cells(store, "knee", [f"more{k}"])
        store.compact()
    knee = [name for name in _files(store) if name.startswith("predictions/task=knee")]
    assert len(knee) == 2  # of cells with a history and of those without
    assert len(store.cells()) == 9 + 1 + 12


def test_packs_keep_to_their_limits(store):
    place = PackedPlace(store.place.inner)
    before = content(store)
    compact(place, max_cells=2, max_bytes=10**9)
    packs = place.index().packs.values()
    assert max(len(pack.rows) for pack in packs) == 2
    assert content(store) == before
    compact(place, max_cells=1000, max_bytes=1)  # no two cells fit: each has a pack of its own
    assert content(store) == before
    compact(place)
    assert len(place.index().packs) == 4
    assert content(store) == before


def test_a_cell_that_is_written_anew_goes_before_its_pack(store):
    store.compact()
    old = store.read_predictions(cell_ids=["k1"])
    write_cells(store, "knee", ["k1"], seed=5)
    new = store.read_predictions(cell_ids=["k1"])
    assert set(new["score"]) == set(predictions("k1", n=5, seed=5)["score"])
    assert not set(new["score"]) & set(old["score"])
    state = content(store)
    store.compact()
    assert content(store) == state
    assert not (store.root / "cells/k1.json").exists()


def test_what_is_deleted_from_a_pack_stays_away(store):
    store.compact()
    store.write_cell({"cell_id": "k1", "task": "knee", "status": "failed", "reason": "later"})
    assert store.place.remove("cells/k2.json")
    assert not store.place.remove("cells/k2.json")
    assert store.place.move("cells/k3.json", "damaged/cells/k3.json")
    assert not store.place.move("cells/k3.json", "damaged/cells/k3.json")
    for _ in range(2):
        cells = store.cells().set_index("cell_id")
        assert cells.loc["k1", ["status", "reason"]].tolist() == ["failed", "later"]
        assert not {"k2", "k3"} & set(cells.index)
        assert not store.is_done("k2")
        for name in ("predictions/task=knee/k1.parquet", "cells/k2.json"):
            assert not store.place.exists(name)
            assert store.place.size(name) is None
            assert name not in store.place.walk()
            assert name not in store.place.sizes("predictions") | store.place.sizes("cells")
            assert name not in store.place.read_many([name, "cells/k4.json"])
            with pytest.raises(FileNotFoundError):
                store.place.read_bytes(name)
        store.compact()
    assert not list((store.root / "packs").glob("*.gone"))
    assert json.loads((store.root / "damaged/cells/k3.json").read_bytes())["cell_id"] == "k3"
    write_cells(store, "knee", ["k2"], seed=1)
    assert store.is_done("k2")


def test_a_reader_that_looked_earlier_follows(store):
    reader = Store.open(store.root)
    held = reader.whole()
    before = content(reader)
    store.compact()
    assert content(reader) == content(held) == before
    write_cells(store, "knee", ["k9"])
    store.compact()  # the packs that the reader knows are gone
    assert reader.is_done("k9")
    assert reader.read_predictions(cell_ids=["k1", "k9"])["cell_id"].unique().tolist() == ["k1", "k9"]
    write_cells(store, "knee", ["k1"], seed=3)
    store.compact()
    assert reader.read_predictions(cell_ids=["k1"])["seed"].unique().tolist() == [3]


def test_stores_are_joined_by_copying_their_packs(store, tmp_path):
    other = Store.create(tmp_path / "other")
    write_cells(other, "knee", [f"o{k}" for k in range(4)])
    for made in (store, other):
        made.compact()
    both = content(store)["hashes"] | content(other)["hashes"]
    for folder in ("predictions", "history", "packs"):
        for path in (other.root / folder).rglob("*"):
            target = store.root / path.relative_to(other.root)
            if path.is_file():
                assert not target.exists()
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    assert content(store)["hashes"] == both
    store.compact()
    assert content(store)["hashes"] == both


def test_cells_without_checksums_and_damaged_ones_stay_by_themselves(store):
    row = store.root / "cells/k0.json"
    plain = {
        key: value for key, value in json.loads(row.read_bytes()).items() if key not in ("files", "sha256")
    }
    row.write_text(json.dumps(plain))
    damaged = store.root / "predictions/task=knee/k1.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-3])
    done = store.compact()
    assert set(done.left) == {"k0", "k1"}
    assert "earlier version" in done.left["k0"]
    assert "bytes instead of" in done.left["k1"]
    assert damaged.exists()
    assert row.exists()
    assert done.packed == 7


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_objects_are_compacted_too(kind, request, tmp_path):
    pytest.importorskip("fsspec")
    url = f"memory://{tmp_path.name}/packs" if kind == "memory" else request.getfixturevalue("s3")
    store = Store.create(url)
    assert isinstance(store.place.inner, RemotePlace)
    write_cells(store, "knee", [f"k{k}" for k in range(4)])
    before = content(store)
    store.compact()
    assert content(store) == content(Store.open(url)) == before
    assert len(store.place.inner.walk("cells")) == 0
    assert store.place.inner.read_range(store.place.inner.walk("predictions")[0], 0, 4) == b"PAR1"
    assert store.place.inner.read_range(store.place.inner.walk("predictions")[0], 10**6, 4) == b""
    write_cells(store, "knee", ["k1", "k7"], seed=2)
    state = content(store)
    store.compact()
    assert content(store) == state
