"""Tables of predictions and of cells, as CSV, TSV and parquet, to every command that reads them."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import TEXTS, mutated_bytes, mutated_text

_N = 40


@lru_cache(maxsize=1)
def scores_frame() -> pd.DataFrame:
    """Scores of three models and answers of two for 40 images of 20 patients."""
    rng = np.random.default_rng(0)
    truth = np.tile([0, 1, 1, 0], _N // 4)
    frame = pd.DataFrame(
        {"id": [f"im{i:02d}" for i in range(_N)], "patient": [f"p{i // 2}" for i in range(_N)]}
    )
    frame["truth"] = truth
    for name in ("a", "b", "c"):
        frame[name] = np.clip(0.5 + 0.4 * (truth - 0.5) + rng.normal(0, 0.25, _N), 0, 1).round(4)
    frame["yes_a"], frame["yes_b"] = (frame["a"] > 0.5).astype(int), (frame["b"] > 0.5).astype(int)
    return frame


@lru_cache(maxsize=1)
def grid_csv() -> str:
    """AUCs of 36 cells, with factors, as CSV."""
    rng = np.random.default_rng(1)
    rows = [(h, b, t, s) for h in "ABC" for b in ("x", "y") for t in ("u", "v") for s in range(3)]
    frame = pd.DataFrame(rows, columns=["head", "backbone", "task", "seed"])
    frame["auc"] = rng.normal(0.8, 0.05, len(frame)).round(4)
    frame["extra col"] = rng.normal(size=len(frame)).round(4)
    return frame.to_csv(index=False)


def _commands(path: Path, out: Path) -> dict[str, tuple[str, ...]]:
    file = str(path)
    return {
        "delong": ("test", "delong", file, "--label", "truth", "--scores", "a,b,c", "--json"),
        "patients": ("test", "delong", file, "--label", "truth", "--scores", "a,b", "--group", "patient"),
        "mcnemar": ("test", "mcnemar", file, "--label", "truth", "--predictions", "yes_a,yes_b", "--json"),
        "cochran": ("test", "cochran", file, "--label", "truth", "--predictions", "yes_a,yes_b"),
        "import": ("import", file, "--as", str(out / "store"), "--label", "truth", "--scores", "a,b"),
        "import-all": (
            *("import", file, "--as", str(out / "store"), "--label", "truth", "--scores", "a,b,c"),
            *("--image-id", "id", "--patient", "patient"),
        ),
        "compare": ("compare", file, "--label", "truth", "--scores", "a,b", "--json"),
    }  # fmt: skip


_WEIGHTS = {
    "delong": 8,
    "patients": 4,
    "mcnemar": 6,
    "cochran": 3,
    "import": 1,
    "import-all": 1,
    "compare": 0.3,
}


def _prepare(samples: Path) -> None:
    scores_frame().to_csv(samples / "scores.csv", index=False)
    scores_frame().to_parquet(samples / "scores.parquet")
    (samples / "grid.csv").write_text(grid_csv(), encoding="utf-8")


def _make(rng: Random, samples: Path, out: Path) -> Case:
    kind = rng.random()
    if kind < 0.12:
        return _same(rng, samples, out)
    if kind < 0.3:
        return _values(rng, samples, out)
    if kind < 0.42:
        path = out / "grid.csv"
        path.write_bytes(_text_file(rng, grid_csv()))
        factor, paired = rng.choice(("backbone", "task")), rng.random() < 0.4
        more = ("--paired", "--match", "head,seed") if paired else ()
        return Case(args=("test", "wilcoxon", str(path), "--value", "auc", "--by", factor, "--json", *more))
    if kind < 0.75:
        path = out / rng.choice(("t.csv", "t.csv", "t.tsv"))
        text = (samples / "scores.csv").read_text(encoding="utf-8")
        path.write_bytes(_text_file(rng, text.replace(",", "\t") if path.suffix == ".tsv" else text))
    else:
        path = out / "t.parquet"
        content = (samples / "scores.parquet").read_bytes()
        path.write_bytes(mutated_bytes(rng, content, content))
    return Case(args=_command(rng, path, out))


def _command(rng: Random, path: Path, out: Path) -> tuple[str, ...]:
    name = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    return _commands(path, out)[name]


def _text_file(rng: Random, text: str) -> bytes:
    if rng.random() < 0.7:
        text = mutated_text(rng, text, ("truth", "a", "id", ",,,,", '"a,b"', "1", "0", "0.5"))
        return text.encode("utf-8", "surrogatepass")
    return mutated_bytes(rng, text.encode(), b"\xff\xfe\x00a,b\r\n1;2")


def _values(rng: Random, samples: Path, out: Path) -> Case:
    """Strange values in cells, strange column names, as CSV or parquet of many kinds of columns."""
    frame = scores_frame().copy()
    column = rng.choice(list(frame.columns))
    kind = rng.randrange(5)
    if kind == 0:
        frame[column] = frame[column].astype(object)
        for row in rng.sample(range(_N), rng.choice((1, 2, _N))):
            frame.loc[row, column] = rng.choice(TEXTS)
    elif kind == 1:
        frame = frame.rename(columns={column: rng.choice((*TEXTS, "a", "b", "truth"))})
    elif kind == 2:
        frame[column] = rng.choice((0, 1, np.inf, -np.inf, np.nan, 1e308, 5e-324, 2**53 + 1))
    elif kind == 3:
        frame = frame.iloc[: rng.choice((0, 1, 2, 3))]
    else:
        frame[column] = _typed(rng, frame[column])
    if kind in (0, 1) or rng.random() < 0.5:
        path = out / "t.csv"
        frame.to_csv(path, index=False, errors="surrogatepass")
    else:
        path = out / "t.parquet"
        frame.to_parquet(path, index=rng.random() < 0.3)
    return Case(args=_command(rng, path, out), told=f"{column}, kind {kind}")


def _typed(rng: Random, column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    kinds = (
        lambda: pd.Series(pd.to_datetime("2024-01-01") + pd.to_timedelta(range(_N), unit="D")),
        lambda: column.astype("category"),
        lambda: pd.Series([[1, 2]] * _N),
        lambda: pd.Series([{"x": 1}] * _N),
        lambda: pd.Series([b"\xff\x00"] * _N),
        lambda: numbers.astype("Float32"),
        lambda: (numbers.fillna(0) > 0.5).astype("boolean"),
        lambda: pd.Series(pd.timedelta_range("1s", periods=_N)),
        lambda: numbers.fillna(0).astype("float16").astype("float32"),
        lambda: column.astype("string"),
        lambda: pd.Series(pd.date_range("2024-01-01", periods=_N, tz="Europe/Berlin")),
        lambda: pd.Series([None] * _N, dtype=object),
        lambda: numbers.fillna(0).astype("int64") * (2**62),
    )
    return rng.choice(kinds)()


def _same(rng: Random, samples: Path, out: Path) -> Case:
    """A file that means the same: other layout, order of columns, further columns, kind of file."""
    frame = scores_frame()
    text = frame.to_csv(index=False)
    kind = rng.randrange(8)
    name, content = "t.csv", text.encode()
    if kind == 0:
        told, content = "byte order mark", b"\xef\xbb\xbf" + content
    elif kind == 1:
        told, content = "line ends", text.replace("\n", "\r\n").encode()
    elif kind == 2:
        columns = list(frame.columns)
        rng.shuffle(columns)
        told, content = "order of columns", frame[columns].to_csv(index=False).encode()
    elif kind == 3:
        told, content = "quotes", frame.to_csv(index=False, quoting=1).encode()
    elif kind == 4:
        told, name, content = "tabs", "t.tsv", frame.to_csv(index=False, sep="\t").encode()
    elif kind == 5:
        extra = rng.choice(TEXTS).strip("\ud7ff\x00\r\n") + "_more"
        told, content = (
            f"further column {extra!r}",
            frame.assign(**{extra: rng.choice(("x", "", "1", "NA"))}).to_csv(index=False).encode(),
        )
    elif kind == 6:
        told, content = "blank lines at the end", (text + "\n" * rng.randrange(1, 4)).encode()
    else:
        buffer = io.BytesIO()
        frame.to_parquet(
            buffer,
            compression=rng.choice(("zstd", "gzip", "snappy", None)),
            row_group_size=rng.choice((1, 7, 100)),
        )
        told, name, content = "parquet", "t.parquet", buffer.getvalue()
    path = out / name
    path.write_bytes(content)
    test = rng.choice(("delong", "mcnemar"))
    return Case(args=_commands(path, out)[test], same=_truth(test, samples), told=told)


@lru_cache(maxsize=4)
def _truth(test: str, samples: Path) -> str:
    from typer.testing import CliRunner

    from study.cli import app

    return CliRunner().invoke(app, list(_commands(samples / "scores.csv", samples)[test])).stdout


TABLES = Target(name="tables", share=0.24, prepare=_prepare, make=_make)
