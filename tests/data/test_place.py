"""A folder, memory and an S3 server do the same; nothing half-written shows; one of several writers wins."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.place.local import LocalPlace
from data.place.remote import RemotePlace
from data.store import Store
from data.store.damage import find_damage
from data.store.opening import place_at

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request, tmp_path):
    if request.param == "folder":
        return LocalPlace(tmp_path / "store")
    if request.param == "memory":
        pytest.importorskip("fsspec")
        return RemotePlace.at(f"memory://{tmp_path.name}/store")
    return RemotePlace.at(request.getfixturevalue("s3"))


def test_files_are_written_listed_moved_and_removed(place):
    place.write_bytes("cells/b.json", b"two")
    place.write_bytes("cells/a.json", b"one")
    place.write_bytes("cells/.hidden", b"")
    place.write_bytes("cells/deep/c.json", b"three")
    assert place.names("cells", ".json") == ["cells/a.json", "cells/b.json"]
    assert place.names("cells", ".parquet") == place.names("nothing") == place.walk("nothing") == []
    assert place.walk() == ["cells/a.json", "cells/b.json", "cells/deep/c.json"]
    assert place.sizes("cells") == {"cells/a.json": 3, "cells/b.json": 3, "cells/deep/c.json": 5}
    assert place.read_many(["cells/b.json", "cells/none", "cells/a.json"]) == {
        "cells/b.json": b"two",
        "cells/a.json": b"one",
    }
    assert place.checksum("cells/a.json") == hashlib.sha256(b"one").hexdigest()
    place.write_bytes("cells/a.json", b"anew")
    assert place.read_bytes("cells/a.json") == b"anew"
    assert [place.size(name) for name in ("cells/a.json", "cells/none", "cells")] == [4, None, None]
    assert place.move("cells/a.json", "damaged/cells/a.json")
    assert not place.move("cells/a.json", "damaged/other")
    assert place.walk("damaged") == ["damaged/cells/a.json"]
    assert [place.exists("cells/a.json"), place.exists("cells/b.json")] == [False, True]
    assert place.remove("cells/b.json")
    assert not place.remove("cells/b.json")
    with pytest.raises(FileNotFoundError):
        place.read_bytes("cells/b.json")
    with pytest.raises(FileNotFoundError):
        place.checksum("cells/b.json")


def test_a_file_is_created_once(place):
    assert place.create_exclusive("leases/g", b"first")
    assert not place.create_exclusive("leases/g", b"second")
    assert place.read_bytes("leases/g") == b"first"
    assert place.remove("leases/g")
    assert place.create_exclusive("leases/g", b"third")


def test_a_library_writes_and_reads_paths(place):
    path = place.scratch("checkpoints/c.safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"tensors")
    place.upload("checkpoints/c.safetensors")
    assert place.read_bytes("checkpoints/c.safetensors") == b"tensors"
    place.write_bytes("checkpoints/c.safetensors", b"others")
    assert place.local("checkpoints/c.safetensors").read_bytes() == b"others"
    with pytest.raises(FileNotFoundError):
        place.local("checkpoints/none")


def _create(url, mark, results):
    place = place_at(url)
    for number in range(40):
        results.put((number, mark if place.create_exclusive(f"leases/{number}", mark.encode()) else None))


def test_of_two_processes_exactly_one_creates_an_object(s3):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_create, args=(s3, mark, results)) for mark in "ab"]
    for worker in workers:
        worker.start()
    told = [results.get(timeout=120) for _ in range(80)]
    for worker in workers:
        worker.join(60)
    winners = {number: mark for number, mark in told if mark is not None}
    assert len([mark for _, mark in told if mark is not None]) == len(winners) == 40
    place = place_at(s3)
    assert {n: place.read_bytes(f"leases/{n}").decode() for n in winners} == winners


_WRITE_FOREVER = """
import sys
import numpy as np, pandas as pd
from data.store import Store
store = Store.create(sys.argv[1])
n = 20_000
rng = np.random.default_rng(0)
for i in range(100_000):
    cell = f"c{i:06d}"
    frame = pd.DataFrame({"cell_id": cell, "seed": 0, "fold": 0, "split": "test",
        "image_id": [f"i{k:05d}" for k in range(n)], "group_id": None, "label": np.arange(n) % 2,
        "score": rng.random(n)})
    store.write_cell({"cell_id": cell, "task": "t", "status": "done", "index": i}, frame, None)
    print(i, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("pause", [0.05, 0.31])
def test_a_writer_that_is_killed_leaves_whole_objects_only(s3, pause):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _WRITE_FOREVER, s3], stdout=subprocess.PIPE, env=environment
    ) as process:
        process.stdout.readline()
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
    store = Store.open(s3)
    cells = store.cells()
    assert len(cells) >= 1
    assert find_damage(store.place) == []
    assert (store.read_predictions(columns=["cell_id"]).groupby("cell_id").size() == 20_000).all()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://", r"names no folder; give one, such as s3://BUCKET"),
        ("file:///tmp/store", r"is a folder of this machine: give its path, /tmp/store"),
        ("nowhere://bucket/store", r"protocol that is not known|pip install"),
    ],
)
def test_a_url_that_names_no_store_is_refused(url, message):
    pytest.importorskip("s3fs")
    with pytest.raises(ValueError, match=message):
        Store.create(url)


def test_a_store_elsewhere_that_does_not_exist_is_named(s3):
    with pytest.raises(FileNotFoundError, match=r"There is no store at 's3://bucket/"):
        Store.open(s3)
    with pytest.raises(FileNotFoundError, match=r"The bucket of the store 's3://no-bucket/x' does not exist"):
        Store.create("s3://no-bucket/x")
    store = Store.create(s3)
    assert Store.open(s3).cells().empty
    with pytest.raises(ValueError, match=r"works on stores in a folder only; 's3://"):
        _ = store.root


def test_a_server_that_does_not_answer_is_named(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(OSError, match=r"The store 's3://bucket/x' cannot be reached .*AWS_ENDPOINT_URL"):
        Store.create("s3://bucket/x")


@pytest.mark.parametrize("act", ["write", "create", "move", "move there", "remove", "remove if", "scratch"])
def test_a_link_in_a_store_of_others_leads_nothing_out_of_it(tmp_path, act):
    mine, store = tmp_path / "mine", LocalPlace(tmp_path / "store")
    mine.mkdir()
    (mine / "a.csv").write_text("mine")
    store.write_bytes("cells/b.csv", b"theirs")
    (store.root / "results").symlink_to(mine)
    acts = {
        "write": lambda: store.write_bytes("results/a.csv", b"x"),
        "create": lambda: store.create_exclusive("results/c.csv", b"x"),
        "move": lambda: store.move("results/a.csv", "damaged/a.csv"),
        "move there": lambda: store.move("cells/b.csv", "results/a.csv"),
        "remove": lambda: store.remove("results/a.csv"),
        "remove if": lambda: store.remove_if("results/a.csv", hashlib.sha256(b"mine").hexdigest()),
        "scratch": lambda: store.scratch("results"),
    }
    with pytest.raises(ValueError, match=r"results' is or lies in a link that leaves the store .*store'"):
        acts[act]()
    assert {path.name: path.read_text() for path in mine.iterdir()} == {"a.csv": "mine"}


def test_a_link_to_a_store_and_a_link_within_it_are_followed_and_a_linked_file_is_replaced(tmp_path):
    whole, mine = LocalPlace(tmp_path / "whole"), tmp_path / "mine.csv"
    mine.write_text("mine")
    whole.write_bytes("kept/a.csv", b"a")
    (tmp_path / "link").symlink_to(whole.root)
    (whole.root / "results").symlink_to(whole.root / "kept")
    (whole.root / "kept" / "b.csv").symlink_to(mine)
    LocalPlace(tmp_path / "link").write_bytes("results/b.csv", b"b")
    assert whole.read_bytes("kept/b.csv") == b"b"
    assert mine.read_text() == "mine"
    (whole.root / "ring").symlink_to(whole.root / "ring")
    with pytest.raises(ValueError, match="ring"):
        whole.write_bytes("ring/a.csv", b"a")
