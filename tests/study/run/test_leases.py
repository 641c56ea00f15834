"""Leases: one holder at a time, taken over from the dead and the silent, never from the living."""

import json
import os
import subprocess
import sys
import time

import pytest

from data.place.local import LocalPlace
from study.run.leases import FOLDER, Leases, held_leases
from study.run.runner import Runner, has_ended, identity


class Clock:
    """Seconds that go forward when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def files(tmp_path):
    return LocalPlace(tmp_path)


def elsewhere(files, *, host="far", job=None) -> Runner:
    """A runner that beats as one on another machine would; it has no thread."""
    runner = Runner(files, expiry=30, job=job)
    runner.identity |= {"host": host}
    runner.beat()
    return runner


def test_a_lease_has_one_holder_until_it_is_given_back(files):
    one, two = Leases(files, elsewhere(files)), Leases(files, elsewhere(files, host="near"))
    lease = one.take("g-group")
    assert lease is not None
    assert two.take("g-group") is None
    one.give_back(lease)
    assert two.take("g-group") is not None


def test_a_holder_that_beats_keeps_its_lease_however_long_it_works(files):
    holder, clock = elsewhere(files), Clock()
    observer = Leases(files, elsewhere(files, host="near"), clock=clock)
    assert Leases(files, holder).take("g-group")
    for _ in range(20):
        assert observer.take("g-group") is None
        clock.now += 29
        holder.beat()


def test_a_silent_holder_is_taken_over_after_its_expiry_on_the_observers_clock(files):
    holder, clock = elsewhere(files), Clock()
    lost = Leases(files, holder)
    lease = lost.take("g-group")
    observer = Leases(files, elsewhere(files, host="near"), clock=clock)
    assert observer.take("g-group") is None
    clock.now += 29
    assert observer.take("g-group") is None
    clock.now += 2
    taken = observer.take("g-group")
    assert taken is not None
    assert taken.generation == 2
    assert lost.is_lost(lease)
    lost.give_back(lease)  # a runner that was only slow does no harm
    assert not observer.is_lost(taken)
    assert files.names(FOLDER) == ["work/leases/g-group.000002.json"]


def test_wall_clocks_are_never_compared(files, monkeypatch):
    monkeypatch.setattr("study.run.runner.now", lambda: "1999-01-01T00:00:00+00:00")
    holder, clock = elsewhere(files), Clock()
    assert Leases(files, holder).take("g-group")
    observer = Leases(files, elsewhere(files, host="near"), clock=clock)
    assert observer.take("g-group") is None
    holder.beat()
    clock.now += 29
    assert observer.take("g-group") is None


def test_two_observers_that_judge_alike_take_over_once(files):
    assert Leases(files, elsewhere(files)).take("g-group")
    clock = Clock()
    observers = [Leases(files, elsewhere(files, host=f"h{i}"), clock=clock) for i in range(8)]
    assert [observer.take("g-group") for observer in observers] == [None] * 8
    clock.now += 31
    assert sum(observer.take("g-group") is not None for observer in observers) == 1


def test_a_stalled_take_over_withdraws(files, monkeypatch):
    """The observer judges generation 1, stalls, and creates generation 2 when another runner holds 1 anew."""
    first = Leases(files, elsewhere(files))
    lease, clock = first.take("g-group"), Clock()
    stalled = Leases(files, elsewhere(files, host="near"), clock=clock)
    assert stalled.take("g-group") is None
    clock.now += 31
    create = LocalPlace.create_exclusive

    def late(self, name, content):
        monkeypatch.setattr(LocalPlace, "create_exclusive", create)
        first.give_back(lease)
        assert Leases(files, elsewhere(files, host="third")).take("g-group")
        return create(self, name, content)

    monkeypatch.setattr(LocalPlace, "create_exclusive", late)
    assert stalled.take("g-group") is None
    (held,) = held_leases(files).values()
    assert held.runner["host"] == "third"


def test_work_on_the_same_cells_under_another_name_excludes(files):
    one, two = Leases(files, elsewhere(files)), Leases(files, elsewhere(files, host="near"))
    assert one.take("g-group")
    assert two.take("g-cells-4-0", conflicts=lambda name: name == "g-group") is None
    assert two.take("h-cells-4-0", conflicts=lambda name: name == "h-group") is not None


def test_a_new_attempt_of_a_job_takes_over_at_once(files):
    assert Leases(files, elsewhere(files, job="slurm 17_3")).take("g-group")
    again = elsewhere(files, host="near", job="slurm 17_3")
    assert Leases(files, again).take("g-group") is not None
    other = elsewhere(files, host="near", job="slurm 17_4")
    assert Leases(files, other).take("g-group") is None


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")  # noqa: PTH110
def test_a_process_of_this_machine_that_is_gone_has_ended():
    code = "import json; from study.run.runner import identity; print(json.dumps(identity()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    gone, mine = json.loads(done.stdout), identity()
    assert has_ended(gone, mine)
    assert not has_ended({**gone, "host": "far"}, mine)
    assert not has_ended({**gone, "boot": "another"}, mine)
    assert has_ended({**mine, "token": "other", "born": "1"}, mine), "the id of the process came round again"
    assert not has_ended({**mine, "token": "other"}, mine), "two runners of one process live both"


def test_a_runner_beats_while_it_works_and_leaves_nothing(files):
    with Runner(files, expiry=0.3) as runner:
        first = files.read_bytes(f"work/runners/{runner.token}.json")
        deadline = 200

        while files.read_bytes(f"work/runners/{runner.token}.json") == first and deadline:
            deadline -= 1
            time.sleep(0.05)
        assert deadline, "no second heartbeat within 10 s"
    assert files.names("work/runners") == []


def test_a_lease_file_that_is_not_whole_counts_as_held(files):
    files.create_exclusive(f"{FOLDER}/g-group.000001.json", b"")
    clock = Clock()
    observer = Leases(files, elsewhere(files), clock=clock)
    assert observer.take("g-group") is None
    clock.now += 31
    assert observer.take("g-group") is not None
