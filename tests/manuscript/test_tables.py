from html import unescape as html_text

import pandas as pd
import pytest

from manuscript import tables, tables_tests
from manuscript.load import Report


def _frame(report: Report, name: str) -> pd.DataFrame:
    frame = report.table(name)
    assert frame is not None
    return frame


def _rows(report: Report, analysis: str) -> pd.DataFrame:
    rows = report.analysis(analysis)
    assert rows is not None
    return rows


def test_data_table_counts_images_and_patients(synthetic_report: Report) -> None:
    summary = _frame(synthetic_report, "data_summary")
    html = tables.data_table(summary).as_raw_html()
    row = summary.iloc[0]
    assert f"{row['n_images']} ({row['n_groups']})" in html
    assert "Images (patients or exams)." in html
    total = summary[(summary["task"] == "breast") & (summary["split"] == "test")]["n_images"].sum()
    assert f">{total}<" in html


def test_data_table_without_patient_ids_says_so(synthetic_report: Report) -> None:
    summary = _frame(synthetic_report, "data_summary").assign(n_groups=None)
    assert "the data have no patient ids" in tables.data_table(summary).as_raw_html()


def test_grid_table_counts_cells_per_level(synthetic_report: Report) -> None:
    html = tables.grid_table(synthetic_report.study, synthetic_report.cells).as_raw_html()
    assert "Linear (4), Conv (8)" in html
    assert "4 (4), 16 (4)" in html


def test_protocol_table_leaves_varied_and_unused_settings_out(synthetic_report: Report) -> None:
    html = tables.protocol_table(synthetic_report.study, synthetic_report.cells).as_raw_html()
    assert "ResNet18" in html
    assert "Head" not in html


def test_selected_table_stops_on_a_cell_without_metrics(synthetic_report: Report) -> None:
    selected, metrics = _frame(synthetic_report, "selected"), _frame(synthetic_report, "metrics")
    with pytest.raises(ValueError, match=r"is not in the table of metrics\. Run `study stats`"):
        tables.selected_table(selected, metrics.iloc[:1], several=["head"])


def test_selected_table_shows_the_interval(synthetic_report: Report) -> None:
    selected, metrics = _frame(synthetic_report, "selected"), _frame(synthetic_report, "metrics")
    html = tables.selected_table(selected, metrics, several=["head", "filters"]).as_raw_html()
    first = selected.iloc[0]
    assert f"{first['test_auc']:.3f} ({first['test_auc_low']:.3f} to {first['test_auc_high']:.3f})" in html


def test_delong_table_shows_both_aucs_and_the_method(synthetic_report: Report) -> None:
    rows = _rows(synthetic_report, "delong")
    html = tables_tests.delong_table(rows).as_raw_html()
    assert f"{rows['estimate_a'].iloc[0]:.3f}" in html
    assert str(rows["method"].iloc[0]) in html
    assert "phantom − random" in html


def test_unplanned_rows_are_marked(synthetic_report: Report) -> None:
    rows = _rows(synthetic_report, "delong")
    rows["planned"] = [True, False]
    html = tables_tests.delong_table(rows).as_raw_html()
    assert html.count(">phantom − random †<") == 1
    assert "Not in the analysis plan" in html


def test_a_note_of_one_row_names_its_row(synthetic_report: Report) -> None:
    rows = _rows(synthetic_report, "delong").assign(note=[None, "both models rank alike"])
    html = tables_tests.delong_table(rows).as_raw_html()
    assert "Knee, phantom − random: both models rank alike." in html


def test_several_methods_stand_in_a_column(synthetic_report: Report) -> None:
    rows = _rows(synthetic_report, "wilcoxon")
    rows["method"] = ["rank-sum, exact", "signed-rank, exact"]
    html = tables_tests.wilcoxon_table(rows).as_raw_html()
    assert ">Method<" in html
    assert "signed-rank, exact" in html


def test_equal_adjusted_p_values_are_not_repeated(synthetic_report: Report) -> None:
    rows = _rows(synthetic_report, "delong").assign(p_adjusted=lambda frame: frame["p_value"])
    assert "Adjusted p" not in tables_tests.delong_table(rows).as_raw_html()
    doubled = rows.assign(p_value=[0.01, 0.02], p_adjusted=[0.02, 0.02])
    assert "Adjusted p" in tables_tests.delong_table(doubled).as_raw_html()


def test_mixed_tables_show_terms_and_components(synthetic_report: Report) -> None:
    fixed = tables_tests.mixed_fixed_table(_frame(synthetic_report, "mixed_fixed")).as_raw_html()
    assert "pretrain: random" in fixed
    assert "< 0.001" in html_text(fixed)
    models = _frame(synthetic_report, "mixed_models")
    components = _frame(synthetic_report, "mixed_random")
    random = tables_tests.mixed_random_table(components, models).as_raw_html()
    assert all(f"{value:.3g}" in random for value in components["variance"])
    assert f"11 cells, REML criterion {models['criterion'].iloc[0]:.2f}".replace("-", "−") in random


def test_flags_of_a_fit_are_said(synthetic_report: Report) -> None:
    models = _frame(synthetic_report, "mixed_models").assign(converged=False, singular=True, note="check")
    (line,) = tables_tests.model_notes(models)
    assert line.endswith("did not converge; at least one variance estimated as zero; check.")


def test_failed_table_gives_the_reason(synthetic_report: Report) -> None:
    html = tables.failed_table(synthetic_report.failed, ["pretrain", "head"]).as_raw_html()
    assert "the loss is not finite in epoch 2" in html
    assert "pretraining phantom, head Conv" in html


def test_cells_table_lists_every_done_cell(synthetic_report: Report) -> None:
    metrics = _frame(synthetic_report, "metrics")
    html = tables.cells_table(metrics, ["pretrain", "head"], with_seed=False).as_raw_html()
    assert all(cell_id[:6] in html for cell_id in metrics["cell_id"])
