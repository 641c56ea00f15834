"""The checklists filled in: from a store, from imported predictions, from the published grid."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from data.store import Store
from manuscript.checklist import data_answers, floats, model_answers, result_answers
from manuscript.checklist.fill import filled_checklists, missing_words
from manuscript.load import Report, load_report
from study.analyse import analyse
from study.cli import app
from study.imports.study_file import parse_stored_plan

LONGEST = 700  # letters of an answer for two tasks


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Two models on 60 images of 30 patients, predictions made elsewhere."""
    folder = tmp_path_factory.mktemp("imported")
    rng = np.random.default_rng(11)
    sick = np.arange(60) % 3 == 0
    frame = pd.DataFrame({"image": [f"i{i:02d}" for i in range(60)], "patient": [i // 2 for i in range(60)]})
    frame["truth"] = np.where(sick, "malignant", "benign")
    for name, shift in (("a", 1.2), ("b", 0.5)):
        frame[name] = 1 / (1 + np.exp(-rng.normal(size=60) - shift * (2 * sick - 1)))
    frame.to_csv(folder / "table.csv", index=False)
    options = ["--label", "truth", "--positive", "malignant", "--image-id", "image", "--patient", "patient"]
    call = ["import", str(folder / "table.csv"), "--as", str(folder / "mine"), *options, "--scores", "a,b"]
    assert CliRunner().invoke(app, call, catch_exceptions=False).exit_code == 0
    store = Store.open(folder / "mine")
    analyse(store, parse_stored_plan(store.read_study(), source="study.toml"))
    return load_report(store.root)


@pytest.fixture(scope="module")
def published() -> Report:
    return load_report(None)


def _answers(report: Report) -> dict[str, str]:
    filled = filled_checklists(report)
    return dict(zip(filled["checklist"] + " " + filled["number"], filled["answer"], strict=True))


def test_imported_predictions_answer_what_they_know_and_no_more(imported: Report) -> None:
    answers = _answers(imported)
    missing = missing_words(imported)
    assert missing == "Not in this store: its predictions were imported."
    for item in ("CLAIM 7", "CLAIM 9", "CLAIM 24", "CLAIM 25", "CLAIM 27", "CLAIM 33", "TRIPOD+AI 12g"):
        assert answers[item] == missing, item
    assert "the imported table gives; positive means malignant" in answers["TRIPOD+AI 8a"]
    assert "60 test images, 20 of them positive" in answers["CLAIM 21"]
    assert answers["STARD-AI 40b"].startswith("The store holds the score of every image for 2 models")


def test_the_published_grid_answers_from_its_metrics(published: Report) -> None:
    answers = _answers(published)
    missing = missing_words(published)
    assert missing == "Not in the published grid."
    for item in ("CLAIM 19", "CLAIM 20", "CLAIM 23", "CLAIM 25", "CLAIM 42", "STARD-AI 40b", "TRIPOD+AI 15"):
        assert answers[item] == missing, item
    assert answers["CLAIM 39"] == "Models that predict one class only: 26 of 176."
    assert answers["CLAIM 43"].startswith("Metrics of all 176 models")


@pytest.mark.parametrize("name", ["synthetic_report", "imported", "published"])
def test_what_is_missing_is_left_to_the_author(name: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(name)
    filled = filled_checklists(report)
    unanswered = filled[~filled["answered"]]
    assert len(unanswered) > 0
    assert (unanswered["answer"] == missing_words(report)).all()
    assert (unanswered["author"] != "").all()
    assert filled["answer"].str.len().max() <= LONGEST
    assert filled["answer"].str.endswith(".").all()
    assert not filled["answer"].str.contains(r"\bnan\b|None\b(?!:)|<NA>|\[\]|  ").any()


def test_an_empty_store_answers_nothing_about_results(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "empty")
    store.write_study('name = "empty"\n')
    filled = filled_checklists(load_report(store.root))
    assert set(filled.loc[filled["answered"], "answer"]) == {"Positive from a score of one half on."}


def test_errors_are_those_of_the_predictions(synthetic_store: Store, synthetic_report: Report) -> None:
    text = result_answers.errors(synthetic_report)
    assert text is not None
    chosen = synthetic_store.read_result("selected").drop_duplicates(["task", "arm"])
    for row in chosen.itertuples():
        test = synthetic_store.read_predictions(cell_ids=[row.cell_id], splits=["test"])
        called = test["score"] >= 0.5
        sick = test["label"] == 1
        expected = (
            f"Task {row.task}, {row.arm}: {int((sick & ~called).sum())} of {int(sick.sum())} positive images "
            f"missed, {int((~sick & called).sum())} of {int((~sick).sum())} negative ones called positive."
        )
        assert expected in text


def test_the_performance_is_that_of_the_selected_cells(synthetic_report: Report) -> None:
    chosen = synthetic_report.table("selected")
    assert chosen is not None
    row = chosen.iloc[0]
    text = result_answers.performance(synthetic_report)
    shown = f"{row.test_auc:.3f} ({row.test_auc_low:.3f} to {row.test_auc_high:.3f})"
    assert f"Task {row.task}, {row.arm}: {shown}." in str(text)


def test_a_leak_is_told_and_an_unknown_one_is_called_unknown(synthetic_report: Report) -> None:
    summary = synthetic_report.table("data_summary")
    assert summary is not None
    assert "no test image shares its patient" in str(data_answers.disjoint(synthetic_report))
    assert "whether parts share a picture is not known" in str(data_answers.disjoint(synthetic_report))
    leaking = summary.copy()
    rows = (leaking["split"] == "test") & (leaking["task"] == "knee")
    leaking.loc[rows, "n_patient_in_training"] = 3
    total = int(leaking.loc[rows, "n_images"].sum())
    told = data_answers.disjoint(_with(synthetic_report, data_summary=leaking))
    assert f"Task knee: {3 * rows.sum()} of {total} test images share a patient with training." in str(told)


def test_only_an_audit_can_say_that_nothing_is_missing(synthetic_report: Report) -> None:
    assert data_answers.missing_data(_with(synthetic_report, data_shortcut=None, data_audit=None)) is None
    shortcut = pd.DataFrame({"task": ["knee"], "statistics": ["all"]})
    unknown = _with(synthetic_report, data_shortcut=shortcut, data_audit=None)
    assert data_answers.missing_data(unknown) is None  # the table of findings is gone, not empty
    clean = _with(unknown, data_audit=pd.DataFrame(columns=["task", "code", "severity", "sentence"]))
    assert str(data_answers.missing_data(clean)).startswith("Every file of the data sets could be read")
    assert data_answers.limitations(clean) == "The audit found no error and gave no warning."
    found = pd.DataFrame(
        {"task": ["knee"], "code": ["unreadable"], "severity": ["error"], "sentence": ["2 files are broken."]}
    )
    broken = _with(clean, data_audit=found)
    assert data_answers.missing_data(broken) == "Task knee: 2 files are broken. Nothing was imputed."
    assert "Task knee: 1 finding." in str(data_answers.limitations(broken))


def test_one_seed_is_called_one_training(synthetic_report: Report) -> None:
    assert "was not measured" in str(model_answers.robustness(synthetic_report))
    seeds = replace(
        synthetic_report, cells=pd.concat([synthetic_report.cells.assign(seed=s) for s in (0, 1)])
    )
    assert "Each setting was trained with 2 seeds." in str(model_answers.robustness(seeds))


def test_a_split_from_a_file_may_hold_external_images(synthetic_report: Report) -> None:
    assert str(model_answers.external_test(synthetic_report)).startswith("None: every task")
    tasks = {"knee": {"dataset": "manifest", "split": {"file": "centres.csv"}}}
    given = replace(synthetic_report, study={**synthetic_report.study, "tasks": tasks})
    assert model_answers.external_test(given) is None


def test_a_model_without_all_scores_is_counted(synthetic_report: Report) -> None:
    assert str(result_answers.indeterminate(synthetic_report)).startswith("None: every model scored")
    metrics = synthetic_report.table("metrics")
    assert metrics is not None
    fewer = metrics.assign(n_test=metrics["n_test"].where(metrics.index != 0, metrics["n_test"] - 1))
    told = result_answers.indeterminate(_with(synthetic_report, metrics=fewer))
    assert told == f"Models without a score for every test image: 1 of {len(metrics)}."


def test_every_checklist_is_a_table_that_may_break_its_lines(synthetic_report: Report) -> None:
    for name in filled_checklists(synthetic_report)["checklist"].unique():
        html = floats.table(filled_checklists(synthetic_report), name).as_raw_html()
        cell = re.search(r'<td style="([^"]*)"', html)
        assert cell is not None
        assert cell[1].rindex("white-space: normal") > cell[1].rfind("nowrap")
    with pytest.raises(
        ValueError, match=r"`checklist` is 'STARD'; allowed are CLAIM, TRIPOD\+AI, STARD-AI\."
    ):
        floats.table(filled_checklists(synthetic_report), "STARD")


def test_the_sentence_counts_items(synthetic_report: Report) -> None:
    filled = filled_checklists(synthetic_report)
    own = filled[filled["checklist"] == "CLAIM"]
    text = floats.sentences(filled_checklists(synthetic_report))["checklists"].data
    assert f"{int(own['answered'].sum())} of {len(own)} items of CLAIM" in text


def _with(report: Report, **tables: pd.DataFrame | None) -> Report:
    return replace(report, tables={**report.tables, **tables})
