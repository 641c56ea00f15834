"""`study store compact`: fewer files, the same answers from every command."""

import json
import shutil
import time

import pandas as pd
import pytest

from data.place.local import LocalPlace
from data.store import Store
from study.run.leases import Leases
from study.run.runner import Runner


@pytest.fixture
def store(tiny_store, tmp_path):
    return shutil.copytree(tiny_store, tmp_path / "tiny")


def _results(root):
    return {path.name: path.read_bytes() for path in sorted((root / "results").iterdir())}


def _without_times(root):
    """Result tables without the seconds that training took, which no second training repeats."""
    tables = {path.stem: pd.read_csv(path) for path in sorted((root / "results").glob("*.csv"))}
    plain = {name: table.drop(columns="seconds", errors="ignore") for name, table in tables.items()}
    return {name: table.to_csv() for name, table in plain.items()}


def _cell_files(root):
    folders = ("cells", "predictions", "history", "packs")
    return [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]


def test_results_stay_byte_for_byte_and_the_grid_is_done(store, tiny_study, study_command):
    assert study_command("stats", store).exit_code == 0
    before, n_files = _results(store), len(_cell_files(store))
    done = study_command("store", "compact", store)
    assert done.exit_code == 0, done.output
    n_packed = len(_cell_files(store))
    assert f"{n_files} files of cells became {n_packed}." in done.output
    assert n_packed < n_files / 4
    assert study_command("stats", store).exit_code == 0
    assert _results(store) == before
    again = study_command("run-grid", tiny_study, "--store", store)
    assert "0 cells trained" in again.output
    assert "0 failed" in again.output
    checked = study_command("verify", store)
    assert checked.exit_code == 0, checked.output
    told = json.loads(study_command("store", "compact", store, "--json").stdout)
    assert (told["packed"], told["before"], told["after"]) == (0, n_packed, n_packed)


def test_a_damaged_pack_is_named_and_its_cells_are_trained_again(store, tiny_study, study_command):
    assert study_command("stats", store).exit_code == 0
    before = _without_times(store)
    study_command("store", "compact", store)
    pack = next((store / "predictions").rglob("packed-*.parquet"))
    pack.write_bytes(pack.read_bytes()[:5000])
    told = study_command("verify", store)
    assert told.exit_code == 1
    assert "damaged predictions/task=" in told.output
    assert study_command("stats", store).exit_code == 2
    again = study_command("run-grid", tiny_study, "--store", store)
    assert again.exit_code == 0, again.output
    assert "damaged file set aside: predictions/task=" in again.output
    assert study_command("stats", store).exit_code == 0
    assert _without_times(store) == before
    assert study_command("store", "compact", store).exit_code == 0
    assert study_command("verify", store).exit_code == 0


def test_joined_files_without_an_index_are_told(store, study_command):
    study_command("store", "compact", store)
    next((store / "packs").iterdir()).unlink()
    told = json.loads(study_command("verify", store, "--json").stdout)
    assert any("joined file(s) have no index in packs/" in note for note in told["notes"])


def test_what_is_no_store_is_said(tmp_path, study_command):
    told = study_command("store", "compact", tmp_path / "none")
    assert told.exit_code == 2
    assert "There is no store at" in told.output


def test_whoever_died_while_compacting_is_not_waited_for(store, study_command):
    place = LocalPlace(store)
    dead = Runner(place)
    dead.identity = {**dead.identity, "pid": 2**22 - 3, "born": "0"}
    assert Leases(place, dead).take("compact") is not None
    assert study_command("store", "compact", store).exit_code == 0
    assert place.names("work/leases") == []


def test_an_object_store_is_compacted_when_its_runners_have_ended(s3, store, study_command):
    opened = Store.create(s3)
    for path in store.rglob("*"):
        if path.is_file():
            opened.write_file(path.relative_to(store).as_posix(), path.read_bytes())
    with Runner(opened.place):
        told = study_command("store", "compact", s3)
        assert told.exit_code == 2
        assert "1 runner(s) work on" in told.output
    silent = Runner(opened.place, expiry=0.01)
    silent.identity = {**silent.identity, "host": "elsewhere"}
    silent.beat()
    time.sleep(0.1)
    told = study_command("store", "compact", s3)
    assert told.exit_code == 0, told.output
    assert "cells packed" in told.output
