"""Stores that somebody else made: every file of them damaged or false."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import TEXTS, mutated_bytes, mutated_text
from tests.fuzz.tables import scores_frame


def _prepare(samples: Path) -> None:
    from typer.testing import CliRunner

    from study.cli import app

    table = samples / "scores.csv"
    scores_frame().to_csv(table, index=False)
    store = samples / "store"
    for args in (
        (
            "import",
            table,
            "--as",
            store,
            "--label",
            "truth",
            "--scores",
            "a,b,c",
            "--image-id",
            "id",
            "--patient",
            "patient",
        ),
        ("stats", store),
    ):
        done = CliRunner().invoke(app, [str(part) for part in args])
        if done.exit_code != 0:
            raise RuntimeError(f"no sample store: {done.output}")


def _make(rng: Random, samples: Path, out: Path) -> Case:
    store = out / "store"
    shutil.copytree(samples / "store", store)
    files = sorted(path for path in store.rglob("*") if path.is_file() and path.suffix != ".csv")
    inputs = [path for path in files if "results" not in path.parts]
    path = rng.choice(inputs if rng.random() < 0.6 else files)
    told = str(path.relative_to(store))
    kind = rng.random()
    if kind < 0.04:
        told = _linked(rng, store, samples / "store")
    elif kind < 0.1:
        path.unlink()
        if rng.random() < 0.5:
            path.mkdir()
    elif path.suffix == ".parquet" and kind < 0.6:
        _other_table(rng, path)
    elif path.suffix == ".json" and kind < 0.6:
        path.write_text(
            _other_json(rng, path.read_text(encoding="utf-8")), encoding="utf-8", errors="surrogatepass"
        )
    elif path.suffix == ".toml":
        text = mutated_text(rng, path.read_text(encoding="utf-8"), _KEYS)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    else:
        path.write_bytes(mutated_bytes(rng, path.read_bytes(), rng.choice(files).read_bytes()))
    if rng.random() < 0.12:
        return Case(call=lambda: _article(store), told=f"{told}, article")
    return Case(args=_command(rng, store, out), told=told)


def _article(store: Path) -> int:
    """What `study manuscript` reads and says of a store, before the kernel that runs its cells."""
    from manuscript import floats
    from manuscript.load import load_report
    from manuscript.values import values

    report = load_report(store)
    said = floats.sentences(report)
    return len(said) + len(f"{values(report)}")


def _linked(rng: Random, store: Path, other: Path) -> str:
    """A folder or file of the store becomes a link to that of another store, which must stay as it is."""
    path = rng.choice(sorted(path for path in store.rglob("*") if not path.is_symlink()))
    name = path.relative_to(store)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(other / name)
    return f"{name}, a link"


_KEYS = (
    "imported",
    "[tasks.x]",
    "[analysis]",
    "contrast",
    "[[analysis.delong]]",
    "factors",
    "true",
    '"model"',
    '"../x"',
)


def _command(rng: Random, store: Path, out: Path) -> tuple[str, ...]:
    kind = rng.random()
    if kind < 0.3:
        return ("status", str(store), *(("--json",) if kind < 0.1 else ()))
    if kind < 0.6:
        return ("verify", str(store))
    if kind < 0.75:
        return ("audit", str(store), "--json")
    if kind < 0.97:
        return ("stats", str(store))
    return ("explore", str(store), "--output", str(out / "page.html"))


def _other_table(rng: Random, path: Path) -> None:
    """A readable parquet file with other columns, types or values."""
    table = pq.read_table(path)
    kind = rng.randrange(6)
    if table.num_columns == 0:
        return
    name = rng.choice(table.column_names)
    at = table.column_names.index(name)
    n = table.num_rows
    if kind == 0:
        table = table.drop_columns([name])
    elif kind == 1:
        values: list[Any] = [rng.choice((None, *TEXTS[:60])) for _ in range(n)]
        values = [None if value is None else value.encode("utf-8", "replace").decode() for value in values]
        table = table.set_column(at, name, pa.array(values, pa.string()))
    elif kind == 2:
        value = rng.choice((None, 0, -1, 2, 1e300, float("nan"), float("inf"), 2**40))
        table = table.set_column(
            at, name, pa.array([value] * n, None if isinstance(value, int) else pa.float64())
        )
    elif kind == 3:
        table = table.slice(0, rng.choice((0, 1, n // 2)))
    elif kind == 4:
        table = pa.concat_tables([table, table])
    else:
        table = table.set_column(at, name, pa.array([[{"x": b"\xff"}]] * n))
    pq.write_table(table, path)


def _other_json(rng: Random, text: str) -> str:
    with contextlib.suppress(ValueError):
        value = json.loads(text)
        key = rng.choice(list(value))
        strange = (None, True, -1, 1e308, [], {}, [[]], {"a": {"b": 1}}, *TEXTS)
        if rng.random() < 0.3:
            value[rng.choice(TEXTS)] = rng.choice(strange)
        elif rng.random() < 0.2:
            return "[" * 100_000
        else:
            value[key] = rng.choice(strange)
        return json.dumps(value)
    return mutated_text(rng, text)


STORES = Target(name="stores", share=0.08, prepare=_prepare, make=_make)
