"""Faults of the machine: a full disk, a folder that may not be written, clocks that jump, memory, numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.faults.compare import difference, read_content
from tests.faults.lab import ROOT, Ended, Lab
from tests.faults.tally import Tally, clean_stop

_SHIM = Path(__file__).with_name("clock.c")
# Where the best cell of a group failed, the second best keeps a checkpoint, also once the best has one.
_SECOND_BEST = ("checkpoints/", "cells/")
_CLOCKS = ("10 years ahead", "10 years behind", "jumping to and fro")


class _NoMountError(Exception):
    """No file system can be mounted here."""


@contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system in memory of `size` bytes at `folder`; needs the rights to mount."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise _NoMountError(str(error)) from error
    if done.returncode != 0:
        raise _NoMountError(done.stderr.strip() or "mount failed")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def full_disk(lab: Lab, n: int) -> Tally:
    """Train on disks of `n` sizes that are too small, then make room and run again."""
    tally = Tally(name="disk full (tmpfs)")
    expected = lab.content(lab.analysed)
    needed = sum(path.stat().st_size for path in lab.analysed.rglob("*") if path.is_file())
    try:
        for share in np.linspace(0.05, 0.95, n):
            size = int(needed * share) // 4096 * 4096
            with _small_disk(lab.new_folder() / "disk", size) as disk:
                ended = [lab.train(disk / "store"), lab.run("stats", disk / "store")]
                full = next((e for e in ended if e.code != 0), None)
                if full is None:
                    tally.missed += 1
                    continue
                wrong = clean_stop(full)
                if "No space left" not in full.stderr:
                    wrong.append(f"the message does not say that the disk is full: {full.stderr[-200:]}")
                _remount(disk, "size=1g")
                tally.mend(lab, disk / "store", f"{share:.0%} of {needed} bytes", expected, wrong=wrong)
    except _NoMountError as error:
        tally.skipped = f"no file system can be mounted here: {error}"
    return tally


def read_only(lab: Lab) -> Tally:
    """Run every command on a store that may not be written: readers work, writers stop, nothing changes."""
    tally = Tally(name="read-only folder")
    expected = lab.content(lab.analysed)
    try:
        with _small_disk(lab.new_folder() / "disk", 1 << 30) as disk:
            store = shutil.copytree(lab.trained, disk / "store")
            for row in sorted(store.glob("cells/*.json"))[1:]:
                row.unlink()
            before = read_content(store)
            _remount(disk, "ro")
            for name, ended in (("run-grid", lab.train(store)), ("stats", lab.run("stats", store))):
                wrong = clean_stop(ended, codes=(2,))
                wrong += [f"{file} changed" for file in difference(store, before).files]
                _remount(disk, "rw")
                tally.mend(lab, shutil.copytree(store, disk / name / "store"), name, expected, wrong=wrong)
                _remount(disk, "ro")
            for name in ("verify", "status"):
                ended = lab.run(name, store)
                tally.injected += 1
                tally.survived += ended.code in (0, 1) and "Traceback" not in ended.stderr
    except _NoMountError as error:
        tally.skipped = f"no file system can be mounted here: {error}"
    return tally


def short_memory(lab: Lab, n: int) -> Tally:
    """Give a training so much address space beyond what it has, from 4 MB to 400 MB, and none later."""
    tally = Tally(name="out of memory (address space limited)")
    expected = lab.content(lab.analysed)
    for size in np.geomspace(4, 400, n):
        store = lab.new_folder() / "store"
        ended = lab.train(store, fault={"memory": int(size * 2**20)})
        if ended.code == 0:
            tally.missed += 1
            continue
        tally.mend(lab, store, f"{size:.0f} MB", expected, ignored=_SECOND_BEST)
    return tally


def broken_batches(lab: Lab, n: int, rng: np.random.Generator) -> Tally:
    """Let one batch of a training give NaN, or raise: its cell fails by name, the others go on."""
    tally = Tally(name="a loss that is not a number; a worker that raises")
    expected = lab.content(lab.analysed)
    for fault, word in [("nan_at", "NonFiniteLossError"), ("raise_at", "a worker broke")] * n:
        store, at = lab.new_folder() / "store", int(rng.integers(1, 24))
        ended = lab.train(store, fault={fault: at})
        wrong = clean_stop(ended, codes=(1,))
        if ended.stdout.count(" 1 failed") != 1 or word not in ended.stderr:
            wrong.append(f"no single cell failed by name: {ended.stdout} {ended.stderr[-300:]}")
        tally.mend(lab, store, f"{fault} {at}", expected, ignored=_SECOND_BEST, wrong=wrong)
    return tally


def jumping_clock(lab: Lab) -> Tally:
    """Train while the clock is wrong or jumps by years, half of it killed; then with the right one."""
    tally = Tally(name="clock wrong or jumping by 10 years")
    expected = lab.content(lab.analysed)
    shim = lab.folder / "clock.so"
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, _SHIM], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        tally.skipped = f"no C compiler for the clock: {error}"
        return tally
    for mode, name in enumerate(_CLOCKS):
        store = lab.new_folder() / "store"
        ended = _with_clock(lab, shim, mode, store)
        wrong = [] if ended.code == 0 else [f"exit code {ended.code}: {ended.stderr[-200:]}"]
        for path in store.rglob("*"):  # and files from then
            os.utime(path, (4e9, 4e9) if mode == 0 else (0, 0))
        # Without the times of training, which the clock of this process does not pin.
        for row in sorted(store.glob("cells/*.json")):
            row.unlink()
        tally.mend(lab, store, name, expected, wrong=wrong)
    return tally


def _with_clock(lab: Lab, shim: Path, mode: int, store: Path) -> Ended:
    """Train in a fresh process, since the shim must be there when it begins."""
    command = [sys.executable, "-m", "study.cli", *map(str, lab.training(store))]
    environment = {**lab.environment, "LD_PRELOAD": str(shim), "CLOCK_MODE": str(mode)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return Ended(code=done.returncode, stdout=done.stdout, stderr=done.stderr, seconds=0)
