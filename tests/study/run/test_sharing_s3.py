"""Two runners on one store of an S3 server: its conditional puts decide who does what."""

import json
import time
from pathlib import Path

import pytest

from data.place.base import Place
from data.store import Store
from study.run.leases import Held, held_leases
from study.run.worklog import read_entries
from tests import s3_server
from tests.study.run.conftest import cells_trained, kill_like_a_machine, results, workers

pytestmark = pytest.mark.slow


@pytest.fixture
def two_runners(s3_address, tmp_path, start_run):
    """Start two runners on a URL, each with a scratch folder of its own, as two machines have."""
    started = []

    def start(url: str, *options: object):
        for name in ("one", "two"):
            started.append(start_run(url, *options, STUDY_SCRATCH=str(tmp_path / name)))
        return started

    with s3_server.reached(s3_address, scratch=tmp_path / "reader"):
        yield start
    for run in started:
        if run.poll() is None:
            run.kill()
            run.communicate()


def check_nothing_lost_or_doubled(store: Store, tiny_store: Path) -> None:
    names = [name for folder in ("predictions", "checkpoints") for name in store.files(folder)]
    assert {name: store.place.read_bytes(name) for name in names} == results(tiny_store)
    done = [json.loads(store.place.read_bytes(name))["cell_id"] for name in store.place.names("cells")]
    trained = cells_trained(store.place)
    assert len(done) == 16
    assert len(trained) == len(set(trained)), "doubled"
    assert held_leases(store.place) == {}


def test_two_runners_on_s3_share_the_work_and_double_none_of_it(two_runners, tiny_store):
    url = "s3://bucket/runs/shared"
    for run in two_runners(url, "--pack", 2):
        _, err = run.communicate(timeout=600)
        assert run.returncode == 0, err
    store = Store.open(url)
    check_nothing_lost_or_doubled(store, tiny_store)
    assert sorted(cells_trained(store.place)) == sorted(store.cells()["cell_id"])
    assert len(workers(store.place)) == 2, "one runner did everything"


def test_work_of_a_killed_runner_on_s3_is_taken_over(two_runners, tiny_store):
    url = "s3://bucket/runs/killed"
    first, second = two_runners(url, "--pack", 2, "--expiry", 5)
    place = Store.at(url).place
    deadline, held = time.monotonic() + 400, []
    while not held and time.monotonic() < deadline:
        held = [one for one in units_held(place) if one.runner and one.runner["pid"] == first.pid]
        time.sleep(0.02)
    begun = kill_like_a_machine(place, first)
    assert any("-cells-" in name for name in begun), "the runner was killed between two units"
    _, err = second.communicate(timeout=600)
    assert second.returncode == 0, err
    check_nothing_lost_or_doubled(Store.open(url), tiny_store)
    taken_over = [entry for entry in read_entries(place) if entry["unit"] in begun]
    assert {entry["runner"]["pid"] for entry in taken_over} == {second.pid}


def units_held(place: Place) -> list[Held]:
    """Leases of packs of cells."""
    return [one for one in held_leases(place).values() if "-cells-" in one.name]
