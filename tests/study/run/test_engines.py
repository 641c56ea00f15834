"""Engines without a cluster: what is refused, what is submitted, and an order done from the store alone."""

import re
import shutil
import socket
from dataclasses import replace

import pytest

from data.place.local import LocalPlace
from data.store import Store
from study.config import load_study
from study.engines.drive import Batch, Drive
from study.engines.on_ray import check_ray, fits_a_node, resources_of
from study.engines.on_slurm import SlurmTasks, sbatch_parameters
from study.engines.options import Needs, RayOptions, SlurmOptions, read_options
from study.engines.order import Order, do_order
from study.run.share import Shared
from study.run.worklog import read_entries
from tests.study.cluster.waiting import free_ports
from tests.study.run.conftest import cells_trained, planned_ids, results


@pytest.mark.parametrize(
    ("engine", "package", "message"),
    [
        ("slurm", "submitit", r"pip install '.[slurm]'"),
        ("ray", "ray", r"pip install '.[ray]'"),
    ],
)
def test_an_engine_that_cannot_run_is_refused_before_anything_is_written(
    tiny_study, study_command, tmp_path, monkeypatch, engine, package, message
):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr("study.engines.start.find_spec", lambda name: None if name == package else find(name))
    result = study_command("run-grid", tiny_study, "--store", tmp_path / "new", "--engine", engine)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "new").exists()


NEEDS = "needs.toml"


@pytest.mark.parametrize(
    ("options", "needs", "message"),
    [
        (["--engine", "dask"], None, "--engine dask: allowed are local, slurm, ray."),
        (["--engine", "dask", "--dry-run"], None, "--engine dask: allowed are local, slurm, ray."),
        (["--engine-options", NEEDS], b"pack = 2", "--engine local has no options"),
        (["--engine", "ray", "--engine-options", NEEDS], None, "No such file"),
        (["--engine", "ray", "--engine-options", NEEDS], b"\xff", "not a text file in UTF-8"),
        (["--engine", "ray", "--engine-options", NEEDS], b"[ray]\ngpus = nan", "`ray.gpus`"),
        (["--engine", "ray", "--engine-options", NEEDS], b"[ray]\nresources.big = -1", "`ray.resources.big`"),
        (["--engine", "slurm", "--engine-options", NEEDS], b"[slurm]\nminutes = 0", "`slurm.minutes`"),
        (["--shard", "9/2", "--dry-run"], None, "0 <= i < n"),
        (["--pack", "0"], None, "'--pack'"),
        (["--expiry", "0"], None, "'--expiry'"),
        (["--expiry", "nan"], None, "'--expiry'"),
        (["--expiry", "inf"], None, "'--expiry'"),
    ],
)
def test_misuse_of_the_options_is_named_before_anything_is_written(
    tiny_study, study_command, tmp_path, monkeypatch, options, needs, message
):
    monkeypatch.chdir(tmp_path)
    if needs is not None:
        (tmp_path / NEEDS).write_bytes(needs)
    result = study_command("run-grid", tiny_study, "--store", tmp_path / "new", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "new").exists()


def test_slurm_and_a_store_that_is_no_folder_are_refused_at_once(tiny_study, study_command, monkeypatch):
    monkeypatch.setattr("study.engines.start.find_spec", lambda name: "installed")
    result = study_command("run-grid", tiny_study, "--store", "s3://bucket/new", "--engine", "slurm")
    assert result.exit_code == 2
    assert "--engine slurm cannot use the store 's3://bucket/new'" in result.stderr
    assert "Give a folder, take --engine ray" in result.stderr


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "[ray] address = 'nonsense' is no address of a cluster; write HOST:PORT"),
        ("127.0.0.1:99999", "nothing answers at [ray] address = '127.0.0.1:99999'"),
        (None, "nothing answers at RAY_ADDRESS = '127.0.0.1:{port}'"),
    ],
)
def test_a_cluster_of_ray_that_does_not_answer_is_named_at_once(monkeypatch, address, message):
    """Ray itself would try for minutes, and then end the process."""
    port = free_ports(1)[0]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(ValueError, match=re.escape(message.format(port=port))):
        check_ray(RayOptions(address=address))


def test_a_cluster_that_listens_and_one_that_is_to_be_started_are_tried(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    check_ray(RayOptions())
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_ray(RayOptions(address=f"127.0.0.1:{server.getsockname()[1]}"))


def test_a_task_fits_a_node_that_has_all_it_needs_at_once():
    options = RayOptions(cpus=2, gpus=0.5, memory_gb=1, resources={"big": 1})
    asked = resources_of(options, options)
    whole = {"CPU": 2.0, "GPU": 1.0, "memory": 2.0**30, "big": 1.0}
    assert fits_a_node(asked, [whole])
    for name in whole:
        assert not fits_a_node(asked, [{**whole, name: 0.0}, {name: whole[name]}])
    assert fits_a_node(resources_of(RayOptions(), Needs(cpus=1)), [{"CPU": 1.0}])
    assert resources_of(options, Needs(cpus=8))["big"] == 1, "own resources are those of every task"


def test_slurm_without_its_commands_is_refused(monkeypatch):
    from study.engines.on_slurm import check_slurm

    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ValueError, match="sbatch, srun, squeue, scontrol is not on PATH"):
        check_slurm()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[slurm]\npartion = 'gpu'", "Did you mean `partition`?"),
        ("pack = 0", "greater than or equal to 1"),
        ("[ray]\ncpus = 'many'", "valid integer"),
        ("pack", "not valid TOML"),
    ],
)
def test_options_that_are_none_are_named(tmp_path, text, message):
    path = tmp_path / "needs.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        read_options(path)


def test_needs_become_options_of_sbatch():
    options = SlurmOptions(partition="gpu", gpus=2, memory_gb=1.5, minutes=30, extra={"reservation": "lab"})
    made = sbatch_parameters(options, options, name="study-x")
    assert made["mem"] == "1536MB"
    assert made["gpus_per_node"] == 2
    assert made["time"] == 30
    assert made["additional_parameters"] == {"requeue": True, "reservation": "lab"}
    assert "account" not in made
    features = sbatch_parameters(options, Needs(cpus=8), name="study-x")
    assert (features["cpus_per_task"], features["partition"]) == (8, "gpu")
    assert "gpus_per_node" not in features
    with pytest.raises(ValueError, match="Slurm gives whole GPUs"):
        sbatch_parameters(options, Needs(gpus=0.5), name="study-x")


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A command `squeue` that prints and returns what the test says."""

    def make(out: str, err: str, code: int) -> None:
        path = tmp_path / "squeue"
        path.write_text(f"#!/bin/sh\nprintf '{out}'\nprintf '{err}' >&2\nexit {code}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return make


def test_tasks_are_running_until_slurm_knows_none(squeue):
    tasks = SlurmTasks(("17", "18"))
    squeue("RUNNING\\nPENDING\\nPENDING\\n", "", 0)
    assert tasks.running()
    assert tasks.describe() == "Slurm: 2 pending, 1 running"
    squeue("", "slurm_load_jobs error: Invalid job id specified", 1)
    assert not tasks.running()
    squeue("", "Unable to contact slurm controller", 1)
    assert tasks.running(), "a controller that does not answer is waited for"
    squeue("", "", 0)
    assert not tasks.running()


@pytest.fixture
def order(tiny_study, tiny_store, tmp_path):
    """An order on a store that is prepared and has no cell yet, with its units."""
    study = load_study(str(tiny_study))
    root = shutil.copytree(
        tiny_store, tmp_path / "store", ignore=shutil.ignore_patterns("*.json", "features", "checkpoints")
    )
    shutil.rmtree(root / "predictions")
    return Order(
        study=study.text,
        source=study.source,
        only=(),
        root=str(root),
        data_root=None,
        weights_dir=str(tmp_path / "weights"),
        device="cpu",
        backend="torch",
        pack=4,
        expiry=60.0,
    )


def units_of(order):
    from study.engines.order import _planned_units

    units, _ = _planned_units(order, Store.open(order.root))
    return units


def test_a_driver_submits_until_every_unit_is_done_and_the_store_is_that_of_a_local_run(order, tiny_store):
    """Tasks run in this process; the first round loses half of them, as a cluster without retries would."""
    from rich.console import Console

    from study.run.progress import GridProgress

    store, rounds = Store.open(order.root), []

    class Ended:
        def running(self) -> bool:
            return False

        def describe(self) -> str:
            return ""

    def submit(batches: list[Batch]) -> Ended:
        rounds.append([name for batch in batches for pack in batch.packs for name in pack])
        for batch in batches:
            if batch.features:
                do_order(replace(order, units=batch.features))
            for pack in batch.packs[:1] if len(rounds) == 1 else batch.packs:
                do_order(replace(order, units=pack))
        return Ended()

    progress = GridProgress(Console(quiet=True))
    shared = Drive(
        store=store, units=units_of(order), progress=progress, submit=submit, rounds=3, poll=0.01
    ).run()
    assert isinstance(shared, Shared)
    assert [len(names) for names in rounds] == [4, 2]
    assert sorted(shared.trained) == planned_ids(store.root) == cells_trained(store.root)
    assert results(store.root) == results(tiny_store)
    kinds = [entry["kind"] for entry in read_entries(LocalPlace(store.root))]
    assert kinds.count("features") == kinds.count("finish") == 2


def test_a_driver_whose_tasks_do_nothing_gives_up_and_says_where_to_look(order):
    from rich.console import Console

    from study.run.progress import GridProgress

    class Ended:
        def running(self) -> bool:
            return False

        def describe(self) -> str:
            return ""

    drive = Drive(
        store=Store.open(order.root),
        units=units_of(order),
        progress=GridProgress(Console(quiet=True)),
        submit=lambda batches: Ended(),
        rounds=5,
        poll=0.01,
    )
    with pytest.raises(ValueError, match=r"4 units of work were not done by any task.*work/logs"):
        drive.run()


def test_an_order_whose_data_differ_is_refused(order):
    manifest = Store.open(order.root).read_manifest("breast")
    names = [unit.name for unit in units_of(order)]
    Store.open(order.root).write_manifest("breast", manifest.assign(sha256="0" * 64))
    with pytest.raises(ValueError, match="are not in the plan that this machine makes"):
        do_order(replace(order, units=tuple(names)))
