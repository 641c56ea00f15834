"""Whoever compacts may die at any write, and others may write meanwhile: nothing is lost or doubled."""

from dataclasses import dataclass, field

import pandas as pd
import pytest

from data.place.local import LocalPlace
from data.store import Store
from data.store.packs.compact import compact
from data.store.packs.view import PackedPlace
from tests.data.packs.conftest import content, write_cells

WRITES = ("write_bytes", "remove", "remove_if")


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclass
class Dying:
    """A folder whose user dies before its n-th write."""

    place: LocalPlace
    n: int
    writes: int = field(default=0)

    def __getattr__(self, name):
        if name in WRITES:
            if self.writes == self.n:
                raise Killed
            self.writes += 1
        return getattr(self.place, name)


def _attempt(store, n):
    """Compact until the n-th write; whether it came to its end before."""
    dying = Dying(store.place.inner, n)
    try:
        compact(PackedPlace(dying))
    except Killed:
        return False
    return True


def _rows_of_any_reader(store):
    return len(pd.read_parquet(store.root / "predictions"))


@pytest.mark.parametrize("state", ["never", "outdated", "small"])
def test_a_death_at_any_write_loses_and_doubles_nothing(tmp_path, state):
    n, ended = 0, False
    while not ended:
        store = Store.create(tmp_path / f"store{n}")
        write_cells(store, "t", ["a", "b"])
        if state != "never":
            store.compact()
            write_cells(store, "t", ["d"])
            compact(PackedPlace(store.place.inner), max_cells=2)  # two packs
        if state == "outdated":
            write_cells(store, "t", ["b"], seed=7)
            for name in ("cells/a.json", "predictions/task=t/a.parquet", "history/task=t/a.parquet"):
                store.place.remove(name)
        before = content(store)
        ended = _attempt(store, n)
        assert content(store) == content(Store.open(store.root)) == before
        store.compact()
        assert content(store) == before
        assert _rows_of_any_reader(store) == len(store.read_predictions())
        assert store.compact().packs == 0
        n += 1
    assert n > 5


def test_a_row_that_is_written_meanwhile_stays(store, monkeypatch):
    remove_if = LocalPlace.remove_if
    done = []

    def later(self, name, sha256):
        if name == "cells/k0.json" and not done:
            done.append(name)
            write_cells(store, "knee", ["k0"], seed=9)
        return remove_if(self, name, sha256)

    monkeypatch.setattr(LocalPlace, "remove_if", later)
    store.compact()
    assert store.read_predictions(cell_ids=["k0"])["seed"].unique().tolist() == [9]
    store.compact()
    assert store.read_predictions(cell_ids=["k0"])["seed"].unique().tolist() == [9]
    assert not (store.root / "cells/k0.json").exists()
