import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from IPython.display import Markdown

from data.store import Store
from manuscript import describe, describe_data, floats, floats_figures
from manuscript.load import Report, load_report
from manuscript.origin import provenance_text
from manuscript.plan import plan_text
from manuscript.values import values


def test_the_grid_is_described_from_its_cells(synthetic_report: Report) -> None:
    assert describe.grid_size(synthetic_report) == (
        "12 models (2 tasks, 2 levels of pretraining, 2 heads and 2 levels of filters)"
    )


def test_one_task_is_not_called_tasks(
    make_store: Callable[..., Store], analyse_store: Callable[[Store], None]
) -> None:
    store = make_store(tasks=("knee",))
    analyse_store(store)
    report = load_report(store.root)
    assert describe.grid_size(report).startswith("6 models (2 levels of pretraining")
    assert "breast" not in str(values(report).best.data)


def test_tasks_are_described_from_the_study_file(synthetic_report: Report) -> None:
    text = describe_data.tasks_text(synthetic_report)
    assert "Task *breast* uses the data set `phantom-breast`; positive means malignant." in text
    assert "60 % training, 20 % validation, 20 % test images" in text
    assert "patients kept together where the data set has ids" in text


def test_failed_cells_are_named_with_their_reason(synthetic_report: Report) -> None:
    text = describe.cells_text(synthetic_report)
    assert "12 cells; 11 ended with predictions" in text
    assert "1 cell failed: 11ab00 (the loss is not finite in epoch 2)." in text


def test_many_failed_cells_are_counted_not_listed(synthetic_report: Report) -> None:
    cells = synthetic_report.cells.assign(status="failed", reason="no memory")
    text = describe.cells_text(replace(synthetic_report, cells=cells))
    assert "12 cells failed: " in text
    assert text.endswith("and 7 more.")


def test_open_cells_are_said(synthetic_report: Report) -> None:
    cells = synthetic_report.cells.copy()
    cells.loc[[0, 1], "status"] = "open"
    assert "2 cells did not run yet" in describe.cells_text(replace(synthetic_report, cells=cells))


def test_the_plan_lists_every_planned_comparison(synthetic_report: Report) -> None:
    text = plan_text(synthetic_report)
    assert text.count("\n- ") == 4
    assert "two-sided level 0.05" in text
    assert "`test_auc ~ pretrain + (1|head)`" in text
    assert "[@kuznetsova2017]" in text


def test_a_study_without_plan_says_that_all_is_exploratory(synthetic_report: Report) -> None:
    study = {key: value for key, value in synthetic_report.study.items() if key != "analysis"}
    assert "exploratory" in plan_text(replace(synthetic_report, study=study))


def test_findings_put_planned_comparisons_first(synthetic_report: Report) -> None:
    text = describe.findings_text(_with_findings(synthetic_report, ["looked at later.", "asked before."]))
    assert text.index("Asked before.") < text.index("Exploratory") < text.index("Looked at later.")


def _with_findings(report: Report, sentences: list[str]) -> Report:
    planned = [False] + [True] * (len(sentences) - 1)
    findings = pd.DataFrame({"planned": planned, "sentence": sentences, "analysis": "delong", "task": "knee"})
    return replace(report, tables={**report.tables, "findings": findings})


def test_what_all_findings_share_is_said_once(synthetic_report: Report) -> None:
    limit = "Cells share one test set."
    report = _with_findings(
        synthetic_report, ["x", f"knee: a is higher. {limit}", f"knee: b is lower. {limit}"]
    )
    text = describe.findings_text(report)
    assert text.count(limit) == 1
    assert "- *knee*: a is higher.\n- *knee*: b is lower.\n\nCells share" in text


def test_negative_numbers_of_findings_get_a_true_minus(synthetic_report: Report) -> None:
    text = describe.findings_text(_with_findings(synthetic_report, ["x", "it falls by -0.012 (non-zero)."]))
    assert "It falls by −0.012 (non-zero)." in text


def test_provenance_names_store_study_code_and_software(synthetic_report: Report) -> None:
    text = provenance_text(synthetic_report)
    assert "store `synthetic`, study file `feedbeef`, analysis plan `" in text
    assert f"predictions `{synthetic_report.predictions_hash[:8]}`, code `01234567 with changes`" in text
    assert "device cpu, run of 2026-01-02. Software: Python 3.11.7 and numpy 2.4.6." in text
    assert re.search(r"This document was made on 20\d\d-\d\d-\d\d with transfer-study 0", text)


FLOATS = [
    "data", "distribution", "selected", "roc", "curves", "delong", "mcnemar", "wilcoxon", "contrasts",
    "mixed_fixed", "mixed_random", "cells",
]  # fmt: skip


def _float(name: str) -> Callable[[Report], Any]:
    return getattr(floats if hasattr(floats, name) else floats_figures, name)


@pytest.mark.parametrize("name", FLOATS)
def test_without_results_every_float_names_the_command(make_store: Callable[..., Store], name: str) -> None:
    report = load_report(make_store().root)
    shown = _float(name)(report)
    assert "The store has no results yet; run `study stats …/store`" in shown.data


def test_a_missing_analysis_is_said(synthetic_report: Report) -> None:
    text = floats.contrasts(synthetic_report).data
    assert text == (
        "*Not available: differences of marginal means. The analysis plan of this study does not ask for it.*"
    )


def test_a_planned_analysis_without_rows_names_the_command(synthetic_report: Report) -> None:
    comparisons = synthetic_report.table("comparisons")
    assert comparisons is not None
    rest = comparisons[comparisons["analysis"] != "delong"]
    report = replace(synthetic_report, tables={**synthetic_report.tables, "comparisons": rest})
    assert "`study stats …/synthetic` says why" in floats.delong(report).data


def test_models_that_could_not_be_fitted_are_told_with_the_reason(synthetic_report: Report) -> None:
    models = synthetic_report.table("mixed_models")
    assert models is not None
    note = "not fitted: Grouping factor 'head' has one level"
    models = models.assign(criterion=float("nan"), converged=False, note=note)
    tables = {**synthetic_report.tables, "mixed_models": models, "mixed_fixed": None, "mixed_random": None}
    report = replace(synthetic_report, tables=tables)
    assert floats.mixed_fixed(report).data == f"- `test_auc ~ pretrain + (1|head)`: {note}."
    assert values(report).singular.data == "Of 1 mixed model, 1 could not be fitted."


def test_metrics_in_findings_are_called_by_name(synthetic_report: Report) -> None:
    sentences = ["x", "test_auc is higher.", "The model test_auc ~ a + (1|b) could not be fitted."]
    text = describe.findings_text(_with_findings(synthetic_report, sentences))
    assert "test AUC is higher." in text or "Test AUC is higher." in text
    assert "The model test_auc ~ a + (1|b)" in text


def test_missing_gradcam_images_name_the_command(synthetic_report: Report) -> None:
    shown = floats.gradcam(replace(synthetic_report, gradcam=None))
    assert "run `study gradcam …/synthetic`" in shown.data


def test_two_selected_cells_of_one_arm_stop(synthetic_report: Report) -> None:
    selected = synthetic_report.table("selected")
    assert selected is not None
    doubled = pd.concat([selected, selected.iloc[[0]].assign(cell_id="another")])
    report = replace(synthetic_report, tables={**synthetic_report.tables, "selected": doubled})
    with pytest.raises(ValueError, match=r"Two selected models for task breast, arm phantom"):
        values(report)


def test_the_same_selection_of_two_tests_counts_once(synthetic_report: Report) -> None:
    selected = synthetic_report.table("selected")
    assert selected is not None
    repeated = pd.concat([selected, selected])
    report = replace(synthetic_report, tables={**synthetic_report.tables, "selected": repeated})
    assert values(report).best.data == values(synthetic_report).best.data


def test_values_carry_the_picked_numbers(synthetic_report: Report) -> None:
    selected = synthetic_report.table("selected")
    assert selected is not None
    shown = values(synthetic_report)
    assert shown.cells_done == "11 cells"
    assert shown.interval_name == "the 95 % interval (DeLong variance)"
    assert all(f"{value:.3f}" in shown.best.data for value in selected["test_auc"])


ALL_FLOATS = [*FLOATS, "grid", "protocol", "gradcam", "failed"]


@pytest.mark.parametrize("name", ALL_FLOATS)
def test_the_published_grid_shows_or_explains_every_float(published: Report, name: str) -> None:
    shown = _float(name)(published)
    if isinstance(shown, Markdown):
        assert (
            "published grid holds metrics of each model and no predictions" in shown.data or name == "failed"
        )
    else:
        assert name in {
            "distribution", "wilcoxon", "contrasts", "mixed_fixed", "mixed_random", "cells", "grid",
        }  # fmt: skip


@pytest.fixture(scope="module")
def published() -> Report:
    return load_report(None)


def test_the_published_grid_does_not_claim_a_plan_of_its_own(published: Report) -> None:
    assert "fixed these comparisons before" not in plan_text(published)
    assert "re-analyses the grid" in describe.abstract(published)


def test_imported_predictions_are_not_called_trained_here(synthetic_report: Report) -> None:
    study = {**synthetic_report.study, "imported": True, "tasks": {"breast": {"positive": ["malignant"]}}}
    report = replace(synthetic_report, study=study)
    assert describe.abstract(report).startswith("We compared 12 models")
    assert describe_data.tasks_text(report) == "In task *breast* positive means malignant."
    assert describe.cells_text(report) == "The predictions of 12 cells were made elsewhere and imported."
    assert describe.design_text(report) == ""
    assert plan_text(report).startswith("These comparisons came with the imported predictions")
    assert "@frees2025" in describe.design_text(synthetic_report)


def test_entries_of_selected_models_are_told_with_their_rules(synthetic_report: Report) -> None:
    plan = {
        "roc": [{"contrast": "pretrain", "specificity": [0.9, 0.95], "partial_auc": [0.8, 1.0]}],
        "threshold": [
            {"contrast": "pretrain", "rule": "sensitivity", "target": 0.9, "group": "patient"},
            {"contrast": "pretrain"},
        ],
        "winner": [{"contrast": "pretrain"}],
        "pairs": [{"adjust": "bh"}],
    }
    text = plan_text(replace(synthetic_report, study={**synthetic_report.study, "analysis": plan}))
    assert "Sensitivity at a specificity of 0.9 and 0.95, partial AUC between 0.8 and 1 specificity" in text
    assert "the threshold that reaches a sensitivity of 0.9, chosen on validation images" in text
    assert "by validation AUC, clustered by patient." in text
    assert "Youden's threshold" in text
    assert "the best of each arm of *pretraining*, chosen on validation AUC" in text
    assert "p-values adjusted by Benjamini and Hochberg" in text
