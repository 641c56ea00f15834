"""A tiny study, the commands on it with a fault, and what an undisturbed run leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.faults.compare import Content, read_content

# Without the test of random networks, which only costs time here.
GRADCAM = ("gradcam", "--draws", "0")
ROOT = Path(__file__).resolve().parents[2]
STUDY = """
name = "faults"
title = "A study that is disturbed"
description = "Four cells in two groups."
seeds = [0]

[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = {{ n_patients = 24, size = 32, difficulty = 0.0, seed = 5 }}
split = {{ train = 0.5, val = 0.2, test = 0.3 }}

[factors]
head = ["Linear", "NonLinear"]
augmentation = ["none", "flips"]

[protocol]
pretrain = "file:{weights}"
backbone = "ResNet18"
epochs = 2
batch_size = 11
image_size = 32
lr = 1e-3
fc_ratio = 0.25

[analysis]
[[analysis.delong]]
contrast = "head"
[[analysis.mcnemar]]
contrast = "head"
[[analysis.wilcoxon]]
contrast = "head"
paired = true
[[analysis.mixed]]
formula = "test_auc ~ head + (1|augmentation)"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended. code : exit code, or minus the signal that killed it"""

    code: int
    stdout: str
    stderr: str
    seconds: float


@dataclass(slots=True, kw_only=True)
class Running:
    """A command that runs."""

    lab: Lab
    pid: int
    output: Path
    begun: float = field(default_factory=time.monotonic)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; the process is not waited for yet, so its number is still its own."""
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        """Wait for the end."""
        code = self.lab.ask({"wait": self.pid})["code"]
        return Ended(
            code=code,
            stdout=(self.output / "stdout").read_text(),
            stderr=(self.output / "stderr").read_text(),
            seconds=time.monotonic() - self.begun,
        )


class Lab:
    """A folder with the study, and a server that runs commands on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.study = self.folder / "faults.toml"
        self._n = 0
        self._contents: dict[Path, Content] = {}
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "STUDY_CACHE": str(self.folder / "cache"),
            "STUDY_WEIGHTS": str(self.folder / "weights"),
            "OMP_NUM_THREADS": "2",
            "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait are slow on a busy machine
            "COLUMNS": "200",
        }
        self.environment = environment
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        weights = self.folder / "resnet18.pt"
        made = self.run("make-weights", weights)
        self._done(made)
        self.study.write_text(STUDY.format(weights=weights), encoding="utf-8")
        self.tables = _write_tables(self.folder)

    def close(self) -> None:
        """End the server."""
        self._server.communicate()  # closes both pipes and waits

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request to the server and return its answer."""
        assert self._server.stdin is not None
        print(json.dumps(dict(request)), file=self._server.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError("the server of the fault tests has ended")
        return json.loads(line)

    def new_folder(self) -> Path:
        """A folder of its own for a store; stores are all called `store`, since tables may say the name."""
        self._n += 1
        folder = self.folder / f"{self._n:04d}"
        folder.mkdir()
        return folder

    def start(self, *arguments: object, fault: Mapping[str, Any] | None = None) -> Running:
        """Start `study ARGUMENTS`."""
        output = self.new_folder()
        for name in ("stdout", "stderr"):  # a process may be killed before it has opened them
            (output / name).touch()
        request = {"start": [str(a) for a in arguments], "fault": dict(fault or {}), "output": str(output)}
        return Running(lab=self, pid=self.ask(request)["pid"], output=output)

    def run(self, *arguments: object, fault: Mapping[str, Any] | None = None) -> Ended:
        """Run `study ARGUMENTS` to its end."""
        return self.start(*arguments, fault=fault).wait()

    def train(self, store: Path, *, fault: Mapping[str, Any] | None = None) -> Ended:
        """`study run-grid` on the tiny study."""
        return self.run(*self.training(store), fault=fault)

    def training(self, store: Path) -> Sequence[object]:
        """The arguments of `study run-grid` on the tiny study."""
        return ("run-grid", self.study, "--store", store, "--device", "cpu", "--no-gradcam")

    def importing(self, store: Path, task: str) -> Sequence[object]:
        """The arguments of `study import` for one of two small tables of predictions."""
        columns = ("--label", "truth", "--scores", "a,b,c", "--image-id", "image", "--patient", "patient")
        return ("import", self.tables[task], "--as", store, "--task", task, *columns)

    def finish(self, store: Path) -> list[Ended]:
        """What a user does after a fault: the same commands again."""
        return [self.train(store), self.run("stats", store)]

    def finish_maps(self, store: Path) -> list[Ended]:
        """The same with Grad-CAM before the result tables."""
        return [self.train(store), self.run(*GRADCAM, store), self.run("stats", store)]

    def finish_import(self, store: Path) -> list[Ended]:
        """The import of the second table again, and the result tables."""
        return [self.run(*self.importing(store, "second")), self.run("stats", store)]

    def finish_compact(self, store: Path) -> list[Ended]:
        """The compaction again, then a training that finds nothing to do, and the result tables."""
        return [self.run("store", "compact", store), *self.finish(store)]

    def writes(self, folder: Path, *arguments: object) -> list[str]:
        """The writes of an undisturbed command below a folder, in their order."""
        log = self.new_folder() / "log"
        ended = self.run(*arguments, fault={"writes": str(folder), "log": str(log)})
        self._done(ended)
        return log.read_text().splitlines()

    @cached_property
    def trained(self) -> Path:
        """The store of an undisturbed training; left as it is."""
        store = self.new_folder() / "store"
        self._done(self.train(store))
        return store

    @cached_property
    def analysed(self) -> Path:
        """The same with the result tables; left as it is."""
        store = self.copy(self.trained)
        self._done(self.run("stats", store))
        return store

    @cached_property
    def mapped(self) -> Path:
        """The same with Grad-CAM before the result tables; left as it is."""
        store = self.copy(self.trained)
        self._done(self.run(*GRADCAM, store))
        self._done(self.run("stats", store))
        return store

    @cached_property
    def half_imported(self) -> Path:
        """A store with the first of two imported tables; left as it is."""
        store = self.new_folder() / "store"
        self._done(self.run(*self.importing(store, "first")))
        self._done(self.run("stats", store))
        return store

    @cached_property
    def imported(self) -> Path:
        """The same with both tables and the results of both; left as it is."""
        return self._finished(self.half_imported, self.finish_import)

    @cached_property
    def half_compacted(self) -> Path:
        """The analysed store with a pack of all cells but one, which lies by itself; left as it is."""
        store = self.copy(self.analysed)
        row = sorted(store.glob("cells/*.json"))[-1]
        kept = row.rename(store.parent / row.name)
        self._done(self.run("store", "compact", store))
        shutil.move(kept, row)
        return store

    @cached_property
    def compacted(self) -> Path:
        """The analysed store after a compaction that nothing disturbed; left as it is."""
        return self._finished(self.half_compacted, self.finish_compact)

    def _finished(self, half: Path, finish: Callable[[Path], list[Ended]]) -> Path:
        store = self.copy(half)
        for ended in finish(store):
            self._done(ended)
        return store

    def copy(self, store: Path) -> Path:
        """A copy of a store that may be disturbed."""
        return shutil.copytree(store, self.new_folder() / "store")

    @cached_property
    def seconds(self) -> float:
        """How long an undisturbed training takes, in seconds."""
        return self._done(self.train(self.new_folder() / "store")).seconds

    def content(self, store: Path) -> Content:
        """What a disturbed store must hold in the end: the content of one of the stores above."""
        return self._contents.setdefault(store, read_content(store))

    @staticmethod
    def _done(ended: Ended) -> Ended:
        if ended.code != 0:
            raise RuntimeError(f"an undisturbed command ended with {ended.code}: {ended.stderr}")
        return ended


def _write_tables(folder: Path) -> dict[str, Path]:
    """Two tables of predictions by three models, by the name of their task."""
    tables = {}
    for seed, task in enumerate(("first", "second")):
        rng = np.random.default_rng(seed)
        truth = np.arange(40) % 2
        names = {"image": [f"{task}{i:02d}" for i in range(40)], "patient": [f"p{i // 2}" for i in range(40)]}
        scores = {name: np.clip(0.3 * truth + 0.6 * rng.random(40), 0, 1) for name in "abc"}
        tables[task] = folder / f"{task}.csv"
        pd.DataFrame({**names, "truth": truth, **scores}).to_csv(tables[task], index=False)
    return tables


@contextmanager
def opened() -> Iterator[Lab]:
    """A lab in a temporary folder for the body of a `with`.

    In memory where that can be had: a store is flushed to disk at every write, and a kill does not undo what
    the system has taken. (A power cut may; it is not tried here.)
    """
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30
    with tempfile.TemporaryDirectory(prefix="study-faults-", dir=memory if usable else None) as folder:
        lab = Lab(Path(folder))
        try:
            yield lab
        finally:
            lab.close()
