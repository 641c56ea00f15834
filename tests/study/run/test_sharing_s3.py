"""Two runners on one store of an S3 server: its conditional puts decide who does what."""

import json
from pathlib import Path

import pytest

from data.store import Store
from study.run.leases import held_leases
from tests import s3_server
from tests.study.run.conftest import cells_trained, results, workers

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
