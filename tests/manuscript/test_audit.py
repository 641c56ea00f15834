"""The audit in the article: figures come from the tables, and its absence is said."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data.store import Store
from manuscript import floats
from manuscript.audit import audit_text, shortcut_table
from manuscript.load import Report, load_report
from study.data_audit.results import AUDIT_COLUMNS, SHORTCUT_RESULT_COLUMNS

FINDING = (
    "breast",
    "label_conflict",
    "error",
    2,
    "2 groups carry <different> classes.",
    "One is wrong.",
    "Look.",
)


def shortcuts(auc: float = 0.6234, note: str | None = None) -> pd.DataFrame:
    shared = {"task": "breast", "positive": "malignant", "n": 780, "n_positive": 210, "n_groups": 602}
    rows = [
        shared | {"statistics": "all", "auc": auc, "conf_low": 0.58, "conf_high": 0.667, "note": note},
        shared | {"statistics": "mean", "auc": 0.4335, "conf_low": np.nan, "conf_high": np.nan},
    ]
    return pd.DataFrame(rows, columns=list(SHORTCUT_RESULT_COLUMNS))


@pytest.fixture
def audited(synthetic_report: Report) -> Report:
    tables = {
        "data_audit": pd.DataFrame([FINDING], columns=list(AUDIT_COLUMNS)),
        "data_shortcut": shortcuts(),
    }
    return replace(synthetic_report, tables={**synthetic_report.tables, **tables})


def test_the_shortcut_figure_is_told_with_its_interval(audited: Report) -> None:
    assert "In task *breast*" in audit_text(audited)
    assert "with an AUC of 0.623 (0.580 to 0.667)." in audit_text(audited)


def test_a_missing_figure_is_told_with_its_reason(audited: Report) -> None:
    tables = {**audited.tables, "data_shortcut": shortcuts(np.nan, "not estimated: few")}
    assert "the shortcut figure is missing (not estimated: few)" in audit_text(
        replace(audited, tables=tables)
    )


def test_the_tables_hold_findings_and_statistics(audited: Report) -> None:
    findings = floats.audit(audited).as_raw_html()
    assert "2 groups carry &lt;different&gt; classes." in findings
    assert "Error" in findings
    figures = shortcut_table(shortcuts()).as_raw_html()
    for text in ("0.623 (0.580 to 0.667)", "0.433", "Mean brightness", "780 images, 210 of them positive"):
        assert text in figures


def test_a_store_without_audit_says_so(
    make_store: Callable[..., Store], analyse_store: Callable[[Store], None]
) -> None:
    store = make_store(tasks=("knee",))
    analyse_store(store)
    report = load_report(store.root)
    assert "not audited" in audit_text(report)
    assert "not audited" in floats.audit(report).data
    assert "not audited" in floats.shortcut(report).data


def test_an_audit_without_findings_says_so(audited: Report) -> None:
    tables = {**audited.tables, "data_audit": pd.DataFrame(columns=list(AUDIT_COLUMNS))}
    assert "Nothing was found" in floats.audit(replace(audited, tables=tables)).data
