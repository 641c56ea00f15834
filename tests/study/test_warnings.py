"""The console script shows a warning as one line, without the place in our sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("category", "shown"),
    [
        ("UserWarning", "Warning: the file is damaged\n"),
        ("RuntimeWarning", ": RuntimeWarning: the file is damaged"),
    ],
)
def test_a_warning_of_ours_is_one_line_and_one_of_a_library_has_its_place(category, shown):
    script = f"""
import warnings
from study import cli
cli.app = lambda: warnings.warn("the file is damaged", {category}, stacklevel=1)
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert shown in done.stderr
    assert (done.stderr == shown) is (category == "UserWarning")
