"""The file that a `study test` command reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., str]


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    sick = np.arange(60) % 3 == 0
    frame = pd.DataFrame({"truth": np.where(sick, "malignant", "benign"), "y": sick.astype(int)})
    frame["a"] = rng.normal(size=60) + 1.5 * sick
    frame["b"] = rng.normal(size=60) + 0.8 * sick
    frame["c"] = rng.normal(size=60) - 0.5 * sick
    frame["patient"] = [f"p{i // 2}" for i in range(60)]
    frame["stage"] = np.where(sick, "T2", np.where(np.arange(60) % 2 == 0, "T0", "T1"))
    frame["called_a"] = np.where(frame["a"] > 0.5, "malignant", "benign")
    frame["called_b"] = np.where(frame["b"] > 0.5, "malignant", "benign")
    path = tmp_path / "scores.csv"
    frame.to_csv(path, index=False)
    return path


def test_parquet_gives_the_same_as_csv(scores: Path, tmp_path: Path, run: Run) -> None:
    parquet = tmp_path / "scores.parquet"
    pd.read_csv(scores).to_parquet(parquet)
    arguments = ("--label", "y", "--scores", "a,b", "--json")
    assert run("delong", scores, *arguments) == run("delong", parquet, *arguments)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "There is no file"),
        ("empty.csv", b"", "cannot be read as a table"),
        ("header.csv", b"y,a\n", "has no rows"),
        ("ragged.csv", b"y,a\n1,2\n1,2,3\n", "cannot be read as a table"),
        ("table.xlsx", b"x", "ends in '.xlsx'; allowed are .csv, .tsv and .parquet"),
        ("bad.parquet", b"no parquet", "cannot be read as a table"),
        ("latin.csv", "y,größe\n1,2\n".encode("latin-1"), "is not UTF-8 text; save it again"),
    ],
)
def test_unreadable_files_are_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str, refused: Run
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert message in refused("delong", path, "--label", "y", "--scores", "a")


def test_a_folder_is_refused(tmp_path: Path, refused: Run) -> None:
    assert "is a folder" in refused("delong", tmp_path, "--label", "y", "--scores", "a")
