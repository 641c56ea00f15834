"""`--engine ray` on a Ray with two nodes, undisturbed and with a node that dies in the middle."""

import secrets
from pathlib import Path

import pytest

from tests.study.cluster.ray_nodes import RayNodes
from tests.study.run.conftest import cells_trained, planned_ids, results

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture
def nodes():
    with RayNodes(Path("/tmp") / f"ray{secrets.token_hex(2)}") as cluster:
        yield cluster


def test_ray_leaves_the_store_of_a_local_run(nodes, driver, tiny_store, report):
    run = driver("plain", "ray", nodes.env)
    told, seconds = run.end()
    assert "16 cells trained" in told
    assert results(run.root) == results(tiny_store)
    assert cells_trained(run.root) == planned_ids(run.root)
    report(engine="ray", killed=0, seconds=round(seconds, 1), lost=0, doubled=0)


def test_work_of_a_dead_node_is_done_by_the_other(nodes, driver, tiny_store, report):
    run = driver("killed", "ray", nodes.env)
    run.wait_until(lambda: run.done() >= 2 and nodes.works("n2"))
    before = run.done()
    assert before < 16
    n = nodes.kill("n2")
    _, seconds = run.end()
    assert results(run.root) == results(tiny_store)
    trained = cells_trained(run.root)
    report(
        engine="ray",
        killed=n,
        done_before=before,
        seconds=round(seconds, 1),
        lost=16 - len(planned_ids(run.root)),
        doubled=len(trained) - len(set(trained)),
    )
    assert len(trained) == len(set(trained))
