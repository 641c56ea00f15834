"""A tiny study from its file to the manuscript preview, through the commands that a user gives."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data.store import Store
from manuscript.checklist.fill import filled_checklists
from manuscript.load import load_report


@pytest.fixture(scope="module")
def analysed(tiny_store, study_command, tmp_path_factory) -> Path:
    """A copy of the tiny store with its analysis."""
    root = tmp_path_factory.mktemp("analysed") / "tiny"
    shutil.copytree(tiny_store, root)
    result = study_command("stats", root)
    assert result.exit_code == 0, result.output
    return root


def test_the_planned_comparisons_have_rows_and_sentences(analysed):
    store = Store.open(analysed)
    comparisons = store.read_result("comparisons")
    assert set(comparisons["analysis"]) == {"delong", "mcnemar", "wilcoxon"}
    assert comparisons["planned"].all()
    findings = store.read_result("findings")
    assert set(findings["analysis"]) == {"delong", "mcnemar", "wilcoxon", "mixed"}
    assert findings["sentence"].str.endswith(".").all()


def test_metrics_are_those_of_the_predictions(analysed):
    store = Store.open(analysed)
    metrics = store.read_result("metrics").set_index("cell_id")
    for cell_id, cell in store.read_predictions(splits=["test"]).groupby("cell_id"):
        positive = cell.loc[cell["label"] == 1, "score"].to_numpy()
        negative = cell.loc[cell["label"] == 0, "score"].to_numpy()
        above = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
        assert metrics.loc[cell_id, "test_auc"] == pytest.approx(above, abs=1e-12)


def test_tables_are_the_same_as_csv(analysed):
    table = pd.read_csv(analysed / "results" / "metrics.csv")
    stored = Store.open(analysed).read_result("metrics")
    assert table["test_auc"].tolist() == stored["test_auc"].tolist()


def test_grad_cam_explains_the_best_cell(analysed):
    index = pd.read_parquet(analysed / "gradcam" / "index.parquet")
    assert set(index["kind"]) <= {"true positive", "true negative", "false positive", "false negative"}
    assert all((analysed / "gradcam" / path).is_file() for path in index["overlay_path"])


def test_the_manuscript_is_one_page_without_loose_ends(analysed, study_command, monkeypatch):
    pytest.importorskip("pypandoc")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    result = study_command("manuscript", analysed)
    assert result.exit_code == 0, result.output
    page = analysed / "manuscript" / "index.html"
    text = page.read_text(encoding="utf-8")
    assert str(page) in result.output.replace("\n", "")
    assert "preview" in text
    assert "?@" not in text
    assert not re.search(r"<strong>[\w:-]+\?</strong>", text)
    assert not re.search(r'(?:src|href)="(?!data:|#|https?:|mailto:)', text), "the page is not self-contained"
    for heading in ("Data", "Methods", "Results"):
        assert heading in text


def test_a_trained_store_answers_every_item_of_the_checklists_but_those_of_the_author(analysed):
    filled = filled_checklists(load_report(analysed))
    unanswered = filled[~filled["answered"]]
    assert set(unanswered["checklist"] + " " + unanswered["number"]) == {"TRIPOD+AI 14"}
    assert filled["answer"].str.endswith(".").all()
