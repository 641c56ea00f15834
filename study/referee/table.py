"""Findings as the result table `audit_findings`, which the manuscript reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pandas as pd

from data.store import Store
from stats.findings import FINDING_COLUMNS, Finding
from stats.referee.rules import referee
from study.analyses.grid_data import GridData
from study.referee.store import store_subject
from study.single_tests.plain import plain_json

TABLE = "audit_findings"


def referee_store(store: Store, data: GridData | None = None) -> tuple[Finding, ...]:
    """Referee a store and write what was found into its results.

    Parameters
    ----------
    data : the grid of this store where it was read before; None = read it

    Raises
    ------
    ValueError : no cell is done
    """
    findings = referee(store_subject(store, data))
    store.write_result(TABLE, findings_table(findings))
    return findings


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return one row per finding in FINDING_COLUMNS; evidence is JSON, sources are joined by commas."""
    rows = [
        {**finding.as_json(), "evidence": compact_json(finding.as_json()["evidence"])} for finding in findings
    ]
    table = pd.DataFrame(rows, columns=list(FINDING_COLUMNS))
    return table.assign(sources=[", ".join(keys) for keys in table["sources"]]).astype(object)


def compact_json(rows: Sequence[object]) -> str:
    """Return rows as JSON in one line, with every digit; numbers that do not exist are null."""
    return json.dumps(json.loads(plain_json({"rows": list(rows)}))["rows"])
