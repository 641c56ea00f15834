"""`study status`: what is done, who works, what failed, how long to go."""

import json
import shutil

import pytest

from data.place.local import LocalPlace
from data.store import Store
from study.run.leases import Leases
from study.run.runner import Runner, Work
from study.run.state import store_state


@pytest.fixture
def half_done(tiny_store, tmp_path):
    """A store of which 4 of 16 cells are open."""
    root = shutil.copytree(tiny_store, tmp_path / "store")
    for path in sorted(root.glob("cells/*.json"))[:4]:
        path.unlink()
    return root


def far_runner(root, *, expiry=60.0) -> Runner:
    runner = Runner(LocalPlace(root), expiry=expiry, job="slurm 7_1")
    runner.identity |= {"host": "node17"}
    return runner


def test_time_to_go_follows_from_measured_seconds_and_runners(half_done, study_command):
    state = store_state(Store.open(half_done))
    logs = [json.loads(path.read_text()) for path in half_done.glob("work/done/*.json")]
    per_cell = sum(log["seconds"] for log in logs) / 16
    assert state.seconds_per_cell == pytest.approx(per_cell)
    assert state.seconds_to_go == pytest.approx(4 * per_cell)
    for _ in range(2):
        far_runner(half_done).beat()
    assert store_state(Store.open(half_done)).seconds_to_go == pytest.approx(2 * per_cell)
    told = study_command("status", half_done).stdout
    assert "to go with 2 runners" in told


def test_a_runner_is_shown_with_its_work_and_its_lease(half_done, study_command):
    runner = far_runner(half_done)
    runner.work = Work(unit="g-cells-8-0", label="breast · ImageNet", features=(5, 60), of=4)
    runner.beat()
    assert Leases(runner.place, runner).take("g-cells-8-0")
    told = study_command("status", half_done).stdout
    assert " working node17 (process" in told
    assert "slurm 7_1) since" in told
    assert "breast · ImageNet, 5 of 60 images through the backbone, 0 of 4 cells" in told
    (state,) = store_state(Store.open(half_done)).runners
    assert state.leases == ("g-cells-8-0",)
    assert state.heartbeat < 60


def test_a_silent_runner_is_no_help(half_done, study_command):
    far_runner(half_done, expiry=-1).beat()
    (state,) = store_state(Store.open(half_done)).runners
    assert state.state == "silent"
    told = study_command("status", half_done).stdout
    assert "other runners take its work over" in told
    assert "Nobody works on it" in told


def test_a_dead_process_of_this_machine_has_ended(half_done):
    runner = Runner(LocalPlace(half_done))
    runner.identity |= {"born": "1"}
    runner.beat()
    (state,) = store_state(Store.open(half_done)).runners
    assert state.state == "ended"


def test_json_holds_everything(half_done, study_command):
    store = Store.open(half_done)
    row = store.cells().iloc[0]
    store.write_cell({"cell_id": row["cell_id"], "task": "breast", "status": "failed", "reason": "NaN loss"})
    shown = json.loads(study_command("status", half_done, "--json").stdout)
    assert (shown["planned"], shown["done"], shown["open"]) == (16, 11, 4)
    assert shown["failed"] == {row["cell_id"]: "NaN loss"}
    assert shown["runners"] == []
    assert shown["collapsed"].keys() <= set(store.cells()["cell_id"])


def test_features_of_two_kinds_of_machine_are_named(tiny_store, study_command, tmp_path):
    root = shutil.copytree(tiny_store, tmp_path / "store")
    store = Store.open(root)
    path = next(root.glob("cells/*.json"))
    row = {name: value for name, value in json.loads(path.read_text()).items() if name in store.cells()}
    predictions = store.read_predictions(cell_ids=[path.stem])
    store.write_cell({**row, "group_key": "0123456789abcdef"}, predictions)
    assert "several kinds of processor or versions of torch" in study_command("status", root).stdout
    assert "kinds of processor" not in study_command("status", tiny_store).stdout
