"""A file that exists is complete, whoever dies while writing it."""

import errno
import multiprocessing
import os
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data.atomic import (
    create_exclusive,
    remove,
    remove_stale,
    write_bytes,
    write_json,
    write_parquet,
    write_text,
)


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failing_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def _fail(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", _fail)
    with pytest.raises(OSError, match=r"disk full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["a.txt"]


def _write_many(path, letter):
    for _ in range(40):
        write_bytes(path, letter * 100_000)


def test_two_processes_on_one_path_leave_one_whole_file(tmp_path):
    path = tmp_path / "shared.bin"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(path, letter)) for letter in (b"a", b"b")]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 100_000
            assert len(set(content)) == 1
        time.sleep(0.01)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert _names(tmp_path) == ["shared.bin"]


def test_only_old_temporary_files_are_removed(tmp_path):
    (tmp_path / "deep").mkdir()
    old, young = tmp_path / "deep" / ".x.parquet.1-ab.tmp", tmp_path / ".y.json.2-cd.tmp"
    for path in (old, young, tmp_path / "kept.tmp"):
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
    os.utime(young)
    assert remove_stale(tmp_path) == 1
    assert _names(tmp_path) == [".y.json.2-cd.tmp", "deep", "kept.tmp"]


def test_new_files_follow_the_umask(tmp_path):
    before = os.umask(0o022)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_json_takes_numpy_scalars_and_refuses_objects(tmp_path):
    write_json(tmp_path / "a.json", {"n": np.int64(3), "x": np.float64(0.1), "ok": np.bool_(True), "ö": None})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == (
        '{\n "n": 3,\n "x": 0.1,\n "ok": true,\n "ö": null\n}\n'
    )
    with pytest.raises(TypeError, match=r"set cannot be written as JSON"):
        write_json(tmp_path / "b.json", {"bad": {1}})
    assert not (tmp_path / "b.json").exists()


def test_parquet_names_the_column_that_mixes_kinds(tmp_path):
    frame = pd.DataFrame({"good": [1, 2], "unfreeze": [3, "all"]})
    with pytest.raises(
        TypeError, match=r"a.parquet: column `unfreeze` must hold values of one kind.*int, str"
    ):
        write_parquet(tmp_path / "a.parquet", frame)
    with pytest.raises(ValueError, match=r"column names must differ, but x came twice"):
        write_parquet(tmp_path / "a.parquet", pd.DataFrame([[1, 2]], columns=["x", "x"]))
    assert _names(tmp_path) == []


def test_parquet_ignores_index_and_attributes(tmp_path):
    frame = pd.DataFrame({"x": [1.5, np.nan]}, index=["a", "b"])
    frame.attrs["object"] = object()
    write_parquet(tmp_path / "a.parquet", frame)
    assert pq.read_table(tmp_path / "a.parquet").column_names == ["x"]
    assert "object" in frame.attrs


def _create(folder, mark, results):
    for number in range(200):
        won = create_exclusive(folder / f"{number}", mark.encode() * 2000)
        results.put((number, mark if won else None))


def test_of_several_processes_exactly_one_creates_a_file(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_create, args=(tmp_path, mark, results)) for mark in "abc"]
    for worker in workers:
        worker.start()
    told = [results.get(timeout=60) for _ in range(600)]
    for worker in workers:
        worker.join(60)
    winners = {number: mark for number, mark in told if mark is not None}
    assert len([mark for _, mark in told if mark is not None]) == len(winners) == 200
    assert all((tmp_path / str(n)).read_bytes() == mark.encode() * 2000 for n, mark in winners.items())
    assert len(list(tmp_path.iterdir())) == 200


def test_an_exclusive_file_is_made_where_links_are_unknown(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert create_exclusive(tmp_path / "a", b"first")
    assert not create_exclusive(tmp_path / "a", b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"first"


def test_one_process_removes_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert [remove(tmp_path / "a"), remove(tmp_path / "a")] == [True, False]
