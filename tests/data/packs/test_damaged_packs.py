"""A damaged pack is named, never used in silence, and what can be used of it is."""

import json
import warnings

import pytest

from data.store import DamagedFileError, Store
from data.store.damage import find_damage
from tests.data.packs.conftest import content, write_cells


@pytest.fixture
def packed(tmp_path):
    made = Store.create(tmp_path / "store")
    write_cells(made, "t", ["a", "b", "e"])
    made.write_run({"runs": [{"study": "tiny"}]})
    made.compact()
    return made


def _joined(store, part="predictions"):
    """The joined file of the cells that have a history."""
    (history,) = (store.root / "history/task=t").iterdir()
    return store.root / part / "task=t" / history.name


def _index(store):
    return store.root / "packs" / f"{_joined(store).stem.removeprefix('packed-')}.json"


def _flip(path, at):
    changed = bytearray(path.read_bytes())
    changed[at] ^= 4
    path.write_bytes(changed)


@pytest.mark.parametrize("fault", ["flipped", "cut", "gone"])
def test_a_damaged_joined_file_costs_the_cells_that_it_hits(packed, fault):
    path = _joined(packed)
    if fault == "flipped":
        _flip(path, 200)  # within the first cell
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        path.unlink()
    hit = {item.cell_id for item in find_damage(packed.place)}
    assert hit == ({"a"} if fault == "flipped" else {"a", "b"} if fault == "gone" else hit)
    assert hit
    with pytest.raises(DamagedFileError, match=r"predictions/task=t/a\.parquet"):
        packed.whole().read_predictions()
    with pytest.raises(DamagedFileError, match=r"predictions/task=t/a\.parquet"):
        packed.compact()  # it would write the pack anew, without the cell
    lines = packed.set_aside_damaged()
    assert len(lines) == len(hit)
    assert find_damage(packed.place) == []
    assert {cell_id for cell_id in "abe" if packed.is_done(cell_id)} == set("abe") - hit
    assert (packed.root / "damaged/cells/a.json").exists()
    write_cells(packed, "t", sorted(hit))
    packed.compact()
    assert {cell_id for cell_id in "abe" if packed.is_done(cell_id)} == set("abe")
    assert packed.pack_faults() == {}


@pytest.mark.parametrize("fault", ["flipped", "cut"])
def test_a_damaged_index_stops_what_would_be_without_its_cells(packed, fault):
    path = _index(packed)
    if fault == "flipped":
        _flip(path, 90)
    else:
        path.write_bytes(path.read_bytes()[:-9])
    name = f"packs/{path.name}"
    store = Store.open(packed.root)
    for stopped in (store.whole, store.compact):
        with pytest.raises(DamagedFileError, match=name):
            stopped()
    with pytest.warns(UserWarning, match=name):
        assert set(store.cells()["cell_id"]) == {"e"}
    assert [(item.part, item.name) for item in find_damage(store.place)] == [("pack", name)]
    (line,) = store.set_aside_damaged()
    assert f"damaged file set aside: {name}" in line
    assert not _joined_files(store, path.stem)
    assert (store.root / "damaged" / name).exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(store.cells()["cell_id"]) == {"e"}
    write_cells(store, "t", ["a", "b"])
    store.compact()
    assert len(store.cells()) == 3


def test_a_pack_of_a_later_version_is_named(packed):
    path = _index(packed)
    value = json.loads(path.read_bytes())
    value["format"] = 2
    del value["sha256"]
    path.write_text(json.dumps(value))
    with pytest.warns(UserWarning, match="its format is 2, this version reads 1"):
        Store.open(packed.root).cells()


@pytest.mark.parametrize(
    "change",
    [
        {"task": "../outside"},
        {"rows": {"../outside": "{}"}},
        {"rows": ["a"]},
        {"parts": {"predictions": {"a": [-4, 8]}}},
        {"parts": {"predictions": {"a": [4]}}},
        {"parts": {"predictions": {"../a": [4, 8]}}},
        {"parts": 7},
    ],
)
def test_an_index_that_is_made_up_is_not_followed(packed, change):
    path = _index(packed)
    value = {key: entry for key, entry in json.loads(path.read_bytes()).items() if key != "sha256"}
    path.write_text(json.dumps(value | change))
    with pytest.raises(DamagedFileError, match=f"packs/{path.name}"):
        Store.open(packed.root).whole()


def test_a_byte_that_only_other_programs_read_is_found_and_mended(packed):
    before = content(packed)
    path = _joined(packed)
    _flip(path, -100)  # in the footer over all cells
    assert find_damage(packed.place) == []
    ((name, (_, fault)),) = packed.pack_faults().items()
    assert name == f"packs/{path.stem.removeprefix('packed-')}.json"
    for part in ("predictions", "history"):
        assert f"{part}/task=t/{path.name}" in fault
    packed.compact()
    assert packed.pack_faults() == {}
    assert content(packed) == before


def test_the_last_copy_of_cells_without_an_index_is_set_aside_and_other_copies_go(packed):
    _index(packed).unlink()
    joined = _joined(packed)
    name, content = joined.relative_to(packed.root).as_posix(), joined.read_bytes()
    assert name in packed.unfinished_packs()
    packed.compact()
    assert packed.unfinished_packs() == []
    assert (packed.root / "damaged" / name).read_bytes() == content
    write_cells(packed, "t", ["a", "b"])
    joined.parent.mkdir(parents=True, exist_ok=True)
    joined.write_bytes(content)  # as if a compaction of these cells had been interrupted
    packed.compact()
    assert packed.unfinished_packs() == []
    assert [path.name for path in (packed.root / "damaged").rglob("*.parquet.2")] == []
    assert {cell_id for cell_id in "abe" if packed.is_done(cell_id)} == set("abe")


def test_a_joined_file_without_an_index_that_cannot_be_read_is_set_aside(packed):
    stray = packed.root / "predictions/task=t/packed-0123.parquet"
    stray.write_bytes(b"PAR1")
    packed.compact()
    assert (packed.root / "damaged/predictions/task=t/packed-0123.parquet").read_bytes() == b"PAR1"


def test_a_damaged_part_in_a_pack_stays_where_its_row_was_written_anew(packed):
    path = _joined(packed)
    row = packed.place.read_bytes("cells/a.json")
    packed.place.write_bytes("cells/a.json", row)  # by itself again, as when a checkpoint is recorded
    _flip(path, 200)
    with pytest.raises(DamagedFileError, match=r"predictions/task=t/a\.parquet"):
        packed.compact()
    assert path.exists()


def _joined_files(store, key):
    return list((store.root / "predictions").rglob(f"packed-{key}.parquet"))
