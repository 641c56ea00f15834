"""`--engine slurm` on a Slurm with two nodes, undisturbed and with a node that dies in the middle."""

import os
from pathlib import Path

import pytest

from tests.study.cluster.slurm_nodes import SlurmNodes, why_not
from tests.study.run.conftest import cells_trained, planned_ids, results

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


def test_slurm_leaves_the_store_of_a_local_run(nodes, driver, tiny_store, report):
    run = driver("plain", "slurm", nodes.env)
    told, seconds = run.end()
    assert "16 cells trained" in told
    assert results(run.root) == results(tiny_store)
    assert cells_trained(run.root) == planned_ids(run.root)
    report(engine="slurm", killed=0, seconds=round(seconds, 1), lost=0, doubled=0)


def test_work_of_a_dead_node_is_done_by_the_other(nodes, driver, tiny_store, report):
    run = driver("killed", "slurm", nodes.env)
    run.wait_until(lambda: run.done() >= 2 and ("RUNNING", "n2") in nodes.queue())
    before = run.done()
    assert before < 16
    n = nodes.kill("n2")
    _, seconds = run.end()
    assert results(run.root) == results(tiny_store)
    trained = cells_trained(run.root)
    report(
        engine="slurm",
        killed=n,
        done_before=before,
        seconds=round(seconds, 1),
        lost=16 - len(planned_ids(run.root)),
        doubled=len(trained) - len(set(trained)),
    )
    assert len(trained) == len(set(trained))
