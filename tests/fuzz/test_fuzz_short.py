"""A short run of the fuzzer, and that its rules catch what they forbid. The long one is `make fuzz`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.case import Case, Outcome, faults
from tests.fuzz.real import differences, run_real

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("formulas", "tables", "images", "archives", "studies")


@pytest.mark.parametrize("target", QUICK)
def test_no_input_breaks_a_rule(target: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--target", target, "--inputs", "40", "--seed", "7"]
    done = subprocess.run(
        [*command, "--jobs", "1", "--failures", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 inputs in" in done.stdout


def outcome(**changes: object) -> Outcome:
    return Outcome(**{"exit_code": 0, "stdout": "7", "stderr": "", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"trace": "Traceback"}, "traceback"),
        ({"exit_code": None}, "exit code None"),
        ({"exit_code": 3}, "exit code 3"),
        ({"exit_code": 2, "stdout": ""}, "without a word"),
        ({"cpu_seconds": 6.0}, "processor time"),
        ({"memory_mb": 4000.0}, "of memory"),
        ({"forbidden": ("open outside of the folder: /etc/x",)}, "outside of the folder"),
        ({"stdout": "8"}, "another answer"),
    ],
)
def test_each_rule_is_broken_by_what_it_forbids(changes: dict, rule: str) -> None:
    assert any(rule in found for found in faults(Case(same="7", told="order"), outcome(**changes)))
    assert faults(Case(same="7"), outcome()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"exit_code": 2}, "exit code 2 in a process of its own, 0 within"),
        ({"stderr": "Traceback (most recent call last):"}, "a traceback in a process"),
        ({"stdout": "8"}, "other stdout"),
        ({"stderr": "a warning"}, "other stderr"),
        ({"cpu_seconds": 60.0}, "60.0 s of processor time"),
    ],
)
def test_a_process_of_its_own_that_does_otherwise_is_a_fault(changes: dict, told: str) -> None:
    assert any(told in found for found in differences(outcome(), outcome(**changes)))
    assert differences(outcome(stdout="done in 0.3 s"), outcome(stdout="done in 12 s")) == []


def test_the_console_script_is_run_in_a_process_of_its_own(tmp_path: Path) -> None:
    real = run_real(Case(args=("test", "delong", "no.csv", "--label", "y", "--scores", "a,b")), tmp_path)
    assert real.exit_code == 2
    assert "no.csv" in real.stderr
    assert "Traceback" not in real.stderr
    assert real.cpu_seconds > 0


def test_the_watch_sees_files_written_elsewhere_programs_and_pickles(tmp_path: Path) -> None:
    """In a process of its own: the watch cannot be taken off again."""
    script = f"""
import os, pathlib, pickle, subprocess
from tests.fuzz.case import Case
from tests.fuzz.watch import Watch
watch = Watch(pathlib.Path({str(tmp_path)!r}) / "in")
def bad():
    (pathlib.Path({str(tmp_path)!r}) / "out.txt").write_text("x")
    subprocess.run(["true"])
    pickle.loads(pickle.dumps(os.getcwd))
found = watch.run(Case(call=bad)).forbidden
assert any("out.txt" in one for one in found), found
assert any("subprocess" in one for one in found), found
assert any("pickle" in one for one in found), found
def good():
    folder = pathlib.Path({str(tmp_path)!r}) / "in"
    folder.mkdir(exist_ok=True)
    (folder / "x").write_text("x")
assert not [one for one in watch.run(Case(call=good)).forbidden if "os.mkdir" not in one]
"""
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
