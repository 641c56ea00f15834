"""Findings: errors come first, and rows and JSON say the same."""

import json

import pytest

from stats.findings import FINDING_COLUMNS, Finding, findings_frame, has_error, sorted_findings


def finding(code: str, severity) -> Finding:
    return Finding(
        code=code, severity=severity, sentence="It is so.", why="It matters.", do="Change it.",
        where="Table 1", evidence=({"n": 78, "auc": 0.9},), sources=("delong1988",),
    )  # fmt: skip


def test_errors_come_first_and_each_kind_keeps_its_order():
    given = [
        finding("a", "note"),
        finding("b", "error"),
        None,
        finding("c", "warning"),
        finding("d", "error"),
    ]
    assert [found.code for found in sorted_findings(given)] == ["b", "d", "c", "a"]


def test_rows_and_json_hold_every_part():
    found = finding("a", "note")
    assert json.loads(json.dumps(found.as_json())) == found.as_json()
    frame = findings_frame([found, found])
    assert list(frame) == list(FINDING_COLUMNS)
    assert frame.loc[1, "evidence"] == [{"n": 78, "auc": 0.9}]
    assert list(found.to_frame()) == list(frame)
    assert list(findings_frame([])) == list(FINDING_COLUMNS)


def test_an_error_is_seen():
    assert has_error([finding("a", "note"), finding("b", "error")])
    assert not has_error([finding("a", "note"), finding("b", "warning")])


def test_another_severity_is_refused():
    with pytest.raises(ValueError, match="allowed: error, warning, note"):
        finding("a", "fatal")
