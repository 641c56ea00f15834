"""Stores that lack something: the documents are made and say what is missing; stale ones stop."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from data.store import Store
from manuscript.load import Report, load_report
from study.analyse import analyse
from study.cli import app
from study.imports.study_file import parse_stored_plan
from tests.manuscript.in_process import shown, words

DOCUMENTS = ("index.qmd", "supplement.qmd")
TABLES = (
    "metrics", "comparisons", "estimates", "pairs", "mixed_fixed", "mixed_random", "mixed_models",
    "mixed_tests", "mixed_shares", "selected",
)  # fmt: skip


def _all_words(report: Report) -> str:
    return "\n\n".join(words(shown(name, report)) for name in DOCUMENTS)


def _analysed(store: Store) -> Report:
    analyse(store, parse_stored_plan(store.read_study(), source="study.toml"))
    return load_report(store.root)


def test_a_whole_store_misses_nothing_that_its_plan_asks_for(synthetic_report: Report) -> None:
    text = _all_words(synthetic_report)
    assert "The store has no results yet" not in text
    assert "says why" not in text
    assert "nan" not in text.lower().split()


def test_a_store_without_results_names_the_command(make_store: Callable[..., Store]) -> None:
    text = _all_words(load_report(make_store().root))
    assert "run `study stats …/store`" in text
    assert "run `study gradcam …/store`" in text


@pytest.mark.parametrize("name", TABLES)
def test_without_one_table_the_rest_is_made(synthetic_report: Report, name: str) -> None:
    report = replace(synthetic_report, tables={**synthetic_report.tables, name: None})
    assert all(shown(document, report) for document in DOCUMENTS)


def test_without_heat_maps_and_histories_the_commands_are_named(synthetic_report: Report) -> None:
    text = _all_words(replace(synthetic_report, gradcam=None, history=None))
    assert "No Grad-CAM images yet; run `study gradcam" in text
    assert "Not available: learning curves" in text


def test_a_store_in_which_every_cell_failed_says_so(make_store: Callable[..., Store]) -> None:
    store = make_store(tasks=("knee",))
    for row in store.cells().to_dict("records"):
        kept = {name: row[name] for name in ("cell_id", "task", "pretrain", "head", "index")}
        store.write_cell(kept | {"status": "failed", "reason": "out of memory"})
    text = _all_words(load_report(store.root))
    assert "0 ended with predictions" in text
    assert "6 cells failed" in text
    assert "out of memory" in text


def test_a_store_with_one_model_has_no_comparison_and_says_so(
    make_store: Callable[..., Store], tmp_path: Path
) -> None:
    whole = make_store(tasks=("knee",))
    row = whole.cells().iloc[0]
    store = Store.create(tmp_path / "one")
    store.write_study(whole.read_study())
    shutil.copytree(whole.root / "manifest", store.root / "manifest")
    shutil.copytree(whole.root / "splits", store.root / "splits")
    predictions = whole.read_predictions(cell_ids=[row["cell_id"]]).drop(columns="task", errors="ignore")
    kept = {name: row[name] for name in ("cell_id", "task", "pretrain", "head", "backbone", "seed", "fold")}
    store.write_cell({key: getattr(v, "item", lambda v=v: v)() for key, v in kept.items()}
                     | {"index": 0, "status": "done"}, predictions)  # fmt: skip
    text = _all_words(_analysed(store))
    assert "1 model" in text
    assert "The grid has 1 cell; 1 ended with predictions" in text


def test_imported_predictions_make_the_documents(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    labels = np.tile([0, 1], 20)
    scores = {name: labels * lift + rng.uniform(size=40) for name, lift in (("a", 0), ("b", 0.5))}
    table = pd.DataFrame({"image": [f"i{i}" for i in range(40)], "truth": labels} | scores)
    table[["a", "b"]] = table[["a", "b"]].clip(0.01, 0.99)
    table.to_csv(tmp_path / "scores.csv", index=False)
    root = tmp_path / "mine"
    arguments = ["import", tmp_path / "scores.csv", "--as", root, "--label", "truth", "--positive", "1"]
    arguments += ["--image-id", "image", "--task", "breast", "--scores", "a,b"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    text = _all_words(_analysed(Store.open(root)))
    assert "imported" in text
    assert "nan" not in text.lower().split()


def test_results_of_a_deleted_plan_stop_with_the_command(synthetic_store: Store, tmp_path: Path) -> None:
    store = Store.open(shutil.copytree(synthetic_store.root, tmp_path / "copy"))
    text = store.read_study()
    store.write_study(text[: text.index("[analysis]")])
    result = CliRunner().invoke(app, ["manuscript", str(store.root), "--preview"])
    assert result.exit_code == 2
    assert "follow another analysis plan" in " ".join(result.output.split())
    assert f"Run `study stats {store.root}`" in result.output
