"""`study stats`: what it prints, where it writes, bad input, and that it starts quickly without torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from data.store import Store
from study.cli import app


def stats(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["stats", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def printed(
    tmp_path_factory: pytest.TempPathFactory, write_store: Callable[..., Store]
) -> tuple[Store, Result]:
    store = write_store(tmp_path_factory.mktemp("printed"))
    return store, stats(store.root)


def test_tables_sentences_and_place_are_printed(printed: tuple[Store, Result]) -> None:
    store, result = printed
    assert result.exit_code == 0
    text = result.stdout
    order = [
        "AUC by factor",
        "DeLong:",
        "McNemar:",
        "Wilcoxon",
        "Contrasts",
        "Mixed model 1",
        "What was found",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert f"Tables: {store.root / 'results'}" in text
    assert text.rstrip().endswith(f"Next: study manuscript {store.root}")
    flat = " ".join(text.split())
    for finding in store.read_result("findings")["sentence"]:
        assert f"- {finding}" in flat


def test_printed_numbers_are_those_of_the_tables(printed: tuple[Store, Result]) -> None:
    store, result = printed
    rows = store.read_result("comparisons")
    row = rows[(rows["analysis"] == "mcnemar") & (rows["task"] == "breast")].iloc[0]
    line = next(line for line in result.stdout.split("McNemar:")[1].splitlines() if "breast" in line)
    assert f"{row['estimate_a']:.3f} / {row['estimate_b']:.3f}" in line
    assert f"{row['statistic']:.2f}" in line


def test_csv_keeps_every_digit(printed: tuple[Store, Result]) -> None:
    store, _ = printed
    table = store.read_result("metrics")
    text = pd.read_csv(store.results_dir() / "metrics.csv", dtype=str)
    assert [float(value) for value in text["test_auc"]] == table["test_auc"].tolist()


def test_another_plan_is_marked(make_store: Callable[..., Store], tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[analysis]\nwilcoxon = [{ contrast = "filters" }]\n')
    store = make_store()
    result = stats(store.root, "--plan", plan)
    assert result.exit_code == 0
    assert "(not planned)" in result.stdout
    assert not store.read_result("comparisons")["planned"].any()


def test_failed_cells_are_named(make_store: Callable[..., Store]) -> None:
    store = make_store(change=lambda row, frame: None if row["cell_id"] == "c07" else frame)
    result = stats(store.root)
    assert result.exit_code == 0
    assert "failed c07: the loss is not finite in epoch 2." in result.stderr


def test_bad_input_is_one_sentence(
    make_store: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object) -> str:
        result = stats(*arguments)
        assert result.exit_code == 2, result.stdout
        assert "Traceback" not in result.stderr
        return result.stderr

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("manuscript.load.PROJECT", tmp_path)  # a checkout may hold stores of its own
    monkeypatch.delenv("STUDY_STORE", raising=False)
    assert "There is no store under runs/" in refused()
    assert "There is no store at" in refused(tmp_path / "absent")
    store = make_store()
    assert "There is no plan file" in refused(store.root, "--plan", tmp_path / "no.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text('[analysis]\ndelong = [{ contrast = "colour" }]\n')
    assert "analysis.delong names `colour`" in refused(store.root, "--plan", bad)
    bad.write_text("[factors]\n")
    assert "has no [analysis] table" in refused(store.root, "--plan", bad)
    assert store.results() == []


def test_the_statistics_never_import_torch(printed: tuple[Store, Result], tmp_path: Path) -> None:
    """The commands work where torch, plotnine and great_tables cannot be imported at all."""
    store, _ = printed
    table = tmp_path / "t.csv"
    table.write_text("g,v\na,1\na,2\nb,3\nb,4\n")
    script = (
        "import sys\n"
        "class Absent:\n"
        "    names = {'torch', 'torchvision', 'captum', 'safetensors', 'plotnine', 'great_tables'}\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in self.names:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from typer.testing import CliRunner\n"
        "from study.cli import app\n"
        f"calls = [['stats', {str(store.root)!r}], "
        f"['test', 'wilcoxon', {str(table)!r}, '--value', 'v', '--by', 'g', '--json']]\n"
        "for call in calls:\n"
        "    result = CliRunner().invoke(app, call, catch_exceptions=False)\n"
        "    assert result.exit_code == 0, result.stderr\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_heavy_libraries_are_not_imported_at_start() -> None:
    """What makes a start slow stays out until a command needs it."""
    script = (
        "import sys\n"
        "from study.cli import app\n"
        "import study.commands.stats, study.commands.test\n"
        "heavy = {'pandas', 'scipy', 'statsmodels', 'pingouin', 'formulae', 'torch', 'plotnine', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
