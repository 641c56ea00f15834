"""`--engine slurm` on a Slurm with two nodes: undisturbed, preempted, and a node or the driver dies."""

import os
from pathlib import Path

import pytest

from tests.study.cluster.conftest import OPTIONS
from tests.study.cluster.deaths import driver_dies, node_dies
from tests.study.cluster.slurm_nodes import SlurmNodes, why_not

pytest.importorskip("submitit")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    packages = Path(os.environ.get("SLURM_PACKAGES", tmp_path_factory.mktemp("packages")))
    try:
        cluster = SlurmNodes(packages, tmp_path_factory.mktemp("slurm") / "two")
    except OSError as error:
        pytest.skip(str(error))
    with cluster:
        yield cluster


def logs(run) -> str:
    """What the tasks of a run have printed."""
    return "".join(path.read_text() for path in (run.root / "work" / "logs").glob("*_log.out"))


def test_slurm_leaves_the_store_of_a_local_run(nodes, driver, same_as_one_machine):
    run = driver("plain", "slurm", nodes.env)
    assert "16 cells trained" in same_as_one_machine(run, engine="slurm")


def test_a_preempted_task_queues_itself_again(nodes, driver, same_as_one_machine):
    run = driver("preempted", "slurm", nodes.env, OPTIONS.replace("pack = 2", "pack = 8"))
    run.wait_until(lambda: run.done() >= 1 and run.held_by(nodes.pids("n2")))
    before = run.done()
    assert before < 16
    nodes.preempt("n2")
    same_as_one_machine(run, engine="slurm", preempted="n2", done_before=before)
    assert "this job is preempted" in logs(run), "the task was ended without a word"


def test_a_driver_that_dies_is_run_again(nodes, driver, same_as_one_machine):
    driver_dies("slurm", nodes, driver, same_as_one_machine)


def test_work_of_a_dead_node_is_done_by_the_other(nodes, driver, same_as_one_machine):
    """The last test on these nodes."""
    node_dies("slurm", nodes, driver, same_as_one_machine)
