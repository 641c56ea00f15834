"""Further tables of the supplement: values traced to their rows, rules of what is shown, missing inputs."""

from dataclasses import replace
from html import unescape
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from manuscript import floats_more
from manuscript.load import Report
from manuscript.published.report import published_report
from manuscript.tables_grid import BEST, FEW_PAIRS, chosen_pairs, pairs_table
from manuscript.text import estimate


@pytest.fixture(scope="module")
def published() -> Report:
    return published_report()


def html(table: object) -> str:
    return unescape(table.as_raw_html())  # type: ignore[attr-defined]


def pairs_of(cells: list[str], rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        {"task": "t", "cell_a": a, "cell_b": b, "auc_a": 0.8, "auc_b": 0.7, "estimate": rng.normal()}
        for a, b in combinations(cells, 2)
    ]
    frame = pd.DataFrame(rows).assign(p_value=0.04, p_adjusted=0.2, adjust="holm", method="DeLong", note=None)
    frame["statistic"] = frame["estimate"]
    return frame.assign(conf_low=frame["estimate"] - 1, conf_high=frame["estimate"] + 1)


def test_metrics_per_split_are_the_rows_of_the_result_table(synthetic_report: Report) -> None:
    rows = synthetic_report.table("split_metrics")
    assert rows is not None
    shown = html(floats_more.split_metrics(synthetic_report))
    for row in rows[rows["metric"].isin(["auc", "f1"])].itertuples():
        assert estimate(row.estimate, row.conf_low, row.conf_high) in shown
    history = synthetic_report.history
    assert history is not None
    kept = history[(history["cell_id"] == rows["cell_id"].iloc[0]) & (history["epoch"] == 3)]
    assert f"{kept['train_auc'].item():.3f}" in shown
    assert "Wilson interval" in shown


def test_settings_of_the_selected_cells_are_those_of_their_rows(synthetic_report: Report) -> None:
    shown = html(floats_more.settings(synthetic_report))
    assert "Image size (pixels)" in shown
    chosen = synthetic_report.table("selected")
    assert chosen is not None
    assert all(cell[:6] in shown for cell in chosen["cell_id"])


def test_detectable_differences_are_those_of_the_result_table(synthetic_report: Report) -> None:
    rows = synthetic_report.table("detectable")
    assert rows is not None
    shown = html(floats_more.detectable(synthetic_report))
    assert all(f"{value:.3f}" in shown for value in rows["std_error"])
    assert "Power 80 %, two-sided level 0.05." in shown


def test_shares_and_tests_of_the_published_grid(published: Report) -> None:
    shares, tests = published.table("mixed_shares"), published.table("mixed_tests")
    assert shares is not None
    assert tests is not None
    assert shares.groupby("formula")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    shown = html(floats_more.shares(published))
    assert all(f"{100 * share:.1f} %" in shown for share in shares["share"])
    row = tests[tests["term"] == "pretrain"].iloc[0]
    # One numerator degree of freedom: F is the square of the published t, p the published p.
    assert row["statistic"] == pytest.approx(1.93808**2, rel=1e-4)
    assert row["p_value"] == pytest.approx(0.0543, abs=5e-5)
    assert f">{row['statistic']:.2f}<" in html(floats_more.term_tests(published))


def test_few_pairs_are_all_shown_and_many_by_the_rule() -> None:
    rng = np.random.default_rng(1)
    cells = [f"cell{i:03d}" for i in range(176)]
    metrics = pd.DataFrame({"task": "t", "cell_id": cells, "val_auc": rng.permutation(176) / 176})
    ranked = metrics.sort_values("val_auc", ascending=False)["cell_id"].tolist()
    few = pairs_of(cells[:5], rng)
    assert len(chosen_pairs(few, metrics[:5])) == len(few) <= FEW_PAIRS
    many = pairs_of(cells, rng)
    assert len(many) == 15_400
    shown = chosen_pairs(many, metrics)
    assert shown["cell_a"].unique().tolist() == [ranked[0]]
    assert shown["cell_b"].tolist() == ranked[1 : BEST + 1]
    for row in shown.itertuples():
        stored = many[(many[["cell_a", "cell_b"]].isin([row.cell_a, row.cell_b])).all(axis=1)].iloc[0]
        sign = 1 if stored["cell_a"] == row.cell_a else -1
        assert row.estimate == sign * stored["estimate"]
        assert row.conf_low <= row.estimate <= row.conf_high
        assert (row.auc_a, row.auc_b) == ((0.8, 0.7) if sign == 1 else (0.7, 0.8))
    text = html(pairs_table(many, metrics, alpha=0.05))
    assert "10 pairs of 15\u202f400; 0 of all have an adjusted p below 0.05." in text
    assert "All pairs: results/pairs.csv." in text


def test_means_over_runs_or_why_there_are_none(synthetic_report: Report) -> None:
    assert "ran once" in floats_more.runs(synthetic_report).data
    metrics = synthetic_report.table("metrics")
    assert metrics is not None
    again = metrics.assign(cell_id=metrics["cell_id"] + "x", seed=1, test_auc=metrics["test_auc"] / 2)
    both = pd.concat([metrics, again], ignore_index=True)
    shown = html(
        floats_more.runs(replace(synthetic_report, tables={**synthetic_report.tables, "metrics": both}))
    )
    value = float(metrics["test_auc"].iloc[0])
    assert f"{0.75 * value:.3f} ± {np.std([value, value / 2], ddof=1):.3f}" in shown
    assert "over 2 seeds" in shown


def test_tables_that_lack_are_said(synthetic_report: Report, published: Report) -> None:
    bare = replace(synthetic_report, tables={**synthetic_report.tables, "split_metrics": None})
    assert "run `study stats` again" in floats_more.split_metrics(bare).data
    assert "does not ask for it" in floats_more.pairs(synthetic_report).data
    none = replace(synthetic_report, tables={})
    shows = ("settings", "split_metrics", "detectable", "shares", "term_tests", "pairs", "runs")
    for show in shows:
        assert "run `study stats" in getattr(floats_more, show)(none).data
    assert "no predictions" in floats_more.detectable(published).data
