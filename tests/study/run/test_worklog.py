"""The log of units: one file each, and one for all after a compaction."""

import json

import pytest

from data.place.local import LocalPlace
from study.run.worklog import FOLDER, News, join_entries, read_entries


def _write(place, unit, *, failed=None, kind="cells"):
    entry = {"unit": unit, "kind": kind, "trained": [unit], "failed": failed or {}, "seconds": 1.0}
    place.write_bytes(f"{FOLDER}/{unit}.0123.json", json.dumps(entry).encode())


def test_joined_entries_read_as_before_and_count_once(tmp_path):
    place = LocalPlace(tmp_path)
    for unit in ("b-cells", "a-cells", "c-cells"):
        _write(place, unit)
    before, names = read_entries(place), place.names(FOLDER)
    kept = {name: place.read_bytes(name) for name in names}
    join_entries(place)
    assert len(place.names(FOLDER)) == 1
    assert read_entries(place) == before
    for name, content in kept.items():  # as if the process had died before it removed them
        place.write_bytes(name, content)
    assert read_entries(place) == before
    _write(place, "d-cells")
    join_entries(place)
    join_entries(place)
    assert len(place.names(FOLDER)) == 1
    assert [entry["unit"] for entry in read_entries(place)] == ["a-cells", "b-cells", "c-cells", "d-cells"]


@pytest.mark.parametrize("joined_before", [False, True])
def test_a_runner_takes_no_old_failure_for_news(tmp_path, joined_before):
    place = LocalPlace(tmp_path)
    _write(place, "a-cells", failed={"x": "no memory"})
    _write(place, "b-cells")
    if joined_before:
        join_entries(place)
    news = News(place)
    _write(place, "c-cells", failed={"y": "diverged"})
    join_entries(place)  # what it has not seen yet is among what is joined
    news.refresh()
    assert news.failed == {"y": "diverged"}
    _write(place, "g-features", kind="features")
    news.refresh()
    assert news.features == {"g"}


def test_what_is_no_entry_is_left_out(tmp_path):
    place = LocalPlace(tmp_path)
    place.write_bytes(f"{FOLDER}/half.json", b'{"unit": ')
    _write(place, "a-cells")
    assert len(read_entries(place)) == 1
    join_entries(place)
    assert place.exists(f"{FOLDER}/half.json")
    assert len(read_entries(place)) == 1
