"""`--engine ray` on a Ray with two nodes: undisturbed, by needs, and with a node or the driver that dies."""

import secrets
from pathlib import Path

import pytest

from data.place.local import LocalPlace
from study.run.worklog import read_entries
from tests.study.cluster.conftest import OPTIONS
from tests.study.cluster.deaths import driver_dies, node_dies
from tests.study.cluster.ray_nodes import RayNodes

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes():
    with RayNodes(Path("/tmp") / f"ray{secrets.token_hex(2)}") as cluster:
        yield cluster


def test_ray_leaves_the_store_of_a_local_run(nodes, driver, same_as_one_machine):
    run = driver("plain", "ray", nodes.env)
    assert "16 cells trained" in same_as_one_machine(run, engine="ray")


def test_tasks_share_a_gpu_and_run_where_their_needs_are(nodes, driver, same_as_one_machine):
    needs = OPTIONS + "gpus = 0.5\nmemory_gb = 0.2\nresources = { big = 0.5 }\n[ray.features]\ncpus = 2\n"
    run = driver("needs", "ray", nodes.env, needs)
    there = set()
    together = []

    def at_work() -> bool:
        n1 = nodes.pids("n1")
        there.update(n1)
        together.append(len(run.held_by(n1)))
        return together[-1] >= 2

    run.wait_until(at_work)  # two tasks at once on the one node whose GPU they share
    while run.process.poll() is None:
        at_work()
    assert "No node" not in same_as_one_machine(run, engine="ray", needs="half a GPU each")
    entries = [entry for entry in read_entries(LocalPlace(run.root)) if entry["kind"] == "cells"]
    assert {entry["runner"]["pid"] for entry in entries} <= there
    assert max(together) == 2


def test_needs_that_no_node_has_are_told(nodes, driver):
    run = driver("waits", "ray", nodes.env, OPTIONS + "gpus = 3\n")
    told = "No node of the cluster has 1 CPU, 3 GPU at once; tasks wait until one joins."
    run.wait_until(lambda: told in " ".join(run.told().split()))


def test_a_driver_that_dies_is_run_again(nodes, driver, same_as_one_machine):
    driver_dies("ray", nodes, driver, same_as_one_machine)


def test_work_of_a_dead_node_is_done_by_the_other(nodes, driver, same_as_one_machine):
    """The last test on these nodes."""
    node_dies("ray", nodes, driver, same_as_one_machine)
