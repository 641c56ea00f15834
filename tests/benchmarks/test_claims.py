"""The simulation of the claims audit: contradictions of every kind are found, honest papers pass."""

from __future__ import annotations

import numpy as np

from benchmarks.claims.__main__ import page, simulate
from benchmarks.claims.faults import FAULTS
from benchmarks.claims.papers import honest_paper
from study.claims.schema import ClaimsFile


def test_honest_papers_pass_and_planted_contradictions_are_found():
    honest, planted = simulate(8, planted=False), simulate(len(FAULTS), planted=True)
    assert [audited.errors for audited in honest] == [()] * len(honest)
    assert [audited.fault.name for audited in planted if audited.fault and not audited.found] == []
    text = page(honest, planted)
    assert "0 of 8 (0.0 %" in text
    assert text.count("| 1 of 1 |") == len(FAULTS)


def test_a_fault_changes_the_paper_and_leaves_a_valid_file():
    for fault in FAULTS:
        honest, planted = (honest_paper(np.random.default_rng(3)) for _ in range(2))
        fault.plant(planted, np.random.default_rng(4))
        assert planted != honest, fault.name
        ClaimsFile.model_validate(planted)
