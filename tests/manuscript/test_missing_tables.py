"""A store that lacks one result table, or one analysis of the plan: both documents say what is missing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from plotnine import ggplot

from data.store import Store
from manuscript.load import RESULT_TABLES, Report, load_report
from study.analyse import analyse
from study.config import parse_study
from tests.manuscript.full_store import KINDS, make_full_store, study_text
from tests.manuscript.in_process import Block, document
from tests.manuscript.soundness import DOCUMENTS, all_text, documents, require_sound

# What the documents say where a table is missing.
TOLD = {
    "metrics": "Not available: the metrics of the cells. The store has no results yet; run `study stats",
    "comparisons": "Not available: the DeLong test.",
    "estimates": "Not available: calibration.",
    "pairs": "Not available: all pairs of cells.",
    "mixed_fixed": "Not available: the fixed effects.",
    "mixed_random": "Not available: the variance components.",
    "mixed_models": "Not available: the variance components.",
    "mixed_tests": "Not available: tests of the terms.",
    "mixed_shares": "Not available: shares of the variance.",
    "selected": "Not available: the selected models.",
    "split_metrics": "Not available: the metrics per split. The results are those of an earlier version; run",
    "detectable": "Not available: the detectable differences. The results are those of an earlier version;",
    "roc": "Not available: ROC curves.",
    "roc_bands": "without their planned bands, which are not among the results: run `study stats",
    "reliability": "Not available: reliability curves.",
    "decision": "Not available: decision curves.",
    "data_summary": "Not available: counts per class and split.",
    "data_flow": "Not available: the cohort flow.",
    "data_audit": "The list of findings of the audit is not among the results; run `study stats",
    "data_shortcut": "The shortcut figure of the audit is not among the results; run `study stats",
    "audit_findings": "The results were written by an earlier version; `study stats` referees the study.",
    "findings": "Not available: findings.",
    "saliency": "No measured maps yet; run `study gradcam",
    "saliency_tests": "No differences between maps yet; run `study gradcam",
    "saliency_randomisation": "No maps of randomised networks yet; run `study gradcam",
    "saliency_stability": "No maps of other seeds yet; run `study gradcam …/full --seeds`",
    "architecture": "Not available: the networks. The store was written by an earlier version; "
    "`study run-grid`",
}
LACKS = {
    "delong": "the DeLong test",
    "mcnemar": "the McNemar test",
    "recipe": "recipes over seeds",
    "threshold": "rates at chosen thresholds",
    "calibration": "calibration",
    "winner": "the optimism of the best cell",
    "pairs": "all pairs of cells",
    "mixed": "the mixed models",
}


@pytest.fixture(scope="module")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_full_store(tmp_path_factory.mktemp("stores") / "full")


@pytest.fixture(scope="module")
def report(full_store: Store) -> Report:
    return load_report(full_store.root)


@pytest.fixture(scope="module")
def whole(report: Report) -> dict[str, dict[str, Block]]:
    """Both documents of the store that misses nothing."""
    return documents(report)


def test_a_store_with_every_analysis_misses_nothing(report: Report, whole: dict) -> None:
    assert [name for name in TOLD if report.table(name) is None] == []
    text = all_text(whole)
    for words in ("Not available", "*No ", "not among the results", "earlier version"):
        assert words not in text.replace("*No cell failed.*", "").replace("*Nothing", ""), words
    assert sum(isinstance(b.value, ggplot) for blocks in whole.values() for b in blocks.values()) > 10


def test_every_result_table_has_its_words() -> None:
    assert set(TOLD) == {*RESULT_TABLES, "architecture"}


@pytest.mark.parametrize("name", TOLD)
def test_without_one_table_the_documents_say_so(report: Report, whole: dict, name: str) -> None:
    lacking = replace(report, tables={**report.tables, name: None})
    made = {
        path: document(path, lacking, whole=whole[path], changed=lambda part: part == name)
        for path in DOCUMENTS
    }
    assert any(
        made[path][label].text != whole[path][label].text for path in DOCUMENTS for label in made[path]
    )
    for blocks in made.values():
        require_sound(blocks)
    assert TOLD[name] in all_text(made)


@pytest.mark.parametrize("kind", KINDS)
def test_without_one_planned_analysis_the_documents_say_so(
    full_store: Store, report: Report, whole: dict, kind: str, tmp_path: Path
) -> None:
    store = Store.open(shutil.copytree(full_store.root, tmp_path / "full"))
    store.write_study(study_text(without=kind))
    analyse(store, parse_study(store.read_study()).analysis)
    lacking = load_report(store.root)

    def changed(part: str) -> bool:
        if part.startswith("."):
            return part == ".study"
        old, new = report.tables[part], lacking.tables[part]
        return not (old is new or (isinstance(old, pd.DataFrame) and old.equals(new)))

    made = {path: document(path, lacking, whole=whole[path], changed=changed) for path in DOCUMENTS}
    for blocks in made.values():
        require_sound(blocks)
    if kind in LACKS:
        sentence = f"Not available: {LACKS[kind]}. The analysis plan of this study does not ask for it."
        assert sentence in all_text(made)
        assert sentence not in all_text(whole)
