"""The document on the original study."""

import re

import pytest
from IPython.display import Markdown

from manuscript.load import Report, load_report
from manuscript.published import floats
from manuscript.published.compare import TABLE_NAMES

SHOWN = (floats.grid, floats.models, floats.others, floats.replicates, floats.slices, floats.interactions)


@pytest.fixture(scope="module")
def published() -> Report:
    return load_report(None)


def test_every_table_of_the_paper_is_shown_once(published: Report) -> None:
    names = (floats.GRID_TABLE, *floats.MODEL_TABLES, *floats.OTHER_TABLES)
    assert sorted(names) == sorted(TABLE_NAMES)
    html = floats.models(published).as_raw_html() + floats.others(published).as_raw_html()
    assert all(TABLE_NAMES[name] in html for name in names if name != floats.GRID_TABLE)


def test_printed_stands_beside_computed_with_a_verdict(published: Report) -> None:
    html = re.sub(r"<[^>]+>", "|", floats.others(published).as_raw_html())
    cells = [cell for cell in (part.strip() for part in html.split("|")) if cell]
    at = cells.index("2.3914")
    assert cells[at : at + 4] == ["2.3914", "2.3933", "within rounding", "AUCs, printed interval"]
    at = cells.index("10.562")
    assert cells[at : at + 4] == ["10.562", "10.562", "yes", "counts 15 and 1"]


def test_the_texts_carry_the_findings(published: Report) -> None:
    say = {name: text.data for name, text in floats.sentences(published).items()}
    assert (
        "Of 123 values in the paper's tables 3, 4, 5, 8, 9, 11, 12, 13 and 14, 112 are equal"
        in say["printed"]
    )
    assert "64 pairs of models are the same model trained twice" in say["noise"]
    assert "single run is then 0.0235" in say["noise"]
    assert "−0.059 for *breast* with DenseNet121" in say["slices"]
    assert say["fallen"].startswith("26 models predict one class")


def test_the_report_of_a_store_names_the_published_one(synthetic_report: Report) -> None:
    for show in (*SHOWN, floats.collapsed):
        shown = show(synthetic_report)
        assert isinstance(shown, Markdown)
        assert "`study manuscript --published`" in shown.data
    assert {text.data for text in floats.sentences(synthetic_report).values()} == {""}


def test_collapsed_models_of_the_published_grid_are_marked_in_the_metrics(published: Report) -> None:
    metrics = published.table("metrics")
    assert metrics is not None
    assert int(metrics["collapsed"].sum()) == 26
