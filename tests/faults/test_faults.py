"""A few faults of some kinds on a tiny study; `make faults` has all kinds and hundreds of them."""

import numpy as np
import pytest

from tests.faults import kills, machine
from tests.faults.compare import difference
from tests.faults.lab import Lab, opened

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def lab():
    with opened() as made:
        yield made


def test_a_comparison_sees_changed_lost_and_doubled_rows(lab: Lab):
    expected = lab.content(lab.trained)
    store = lab.copy(lab.trained)
    assert not difference(store, expected)
    first, second = sorted(store.glob("predictions/*/*.parquet"))[:2]
    n_rows = difference_of_removed(store, first, expected)
    first.write_bytes(second.read_bytes())
    found = difference(store, expected)
    assert found.files == (first.relative_to(store).as_posix(),)
    assert (found.lost, found.doubled) == (n_rows, n_rows)


def difference_of_removed(store, path, expected) -> int:
    path.unlink()
    found = difference(store, expected)
    assert found.doubled == 0
    assert found.lost > 0
    return found.lost


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run-grid", "stats", "import", "store compact"])
def test_killed_at_a_write(lab: Lab, name):
    tally = kills.killed_at_writes(lab, name, np.random.default_rng(7), most=1)
    assert tally.problems == []
    assert (tally.survived, tally.missed, tally.lost, tally.doubled) == (1, 0, 0, 0)


@pytest.mark.slow
def test_a_disk_that_is_full_from_some_write_on(lab: Lab):
    tally = kills.failed_writes(lab, "run-grid", "ENOSPC", np.random.default_rng(8), most=1)
    assert tally.problems == []
    assert (tally.survived, tally.missed) == (1, 0)


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_and_a_worker_that_raises(lab: Lab):
    tally = machine.broken_batches(lab, 1, np.random.default_rng(9))
    assert tally.problems == []
    assert tally.survived == 2
