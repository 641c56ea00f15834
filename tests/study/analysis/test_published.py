"""The paper's Tables 4, 5, 11, 12 and 13: every number as printed."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from data.published_grid import load_published_grid
from study.analyses.beyond_published import MATCH, beyond_published
from study.analyses.published import OPTIMISER_CELLS, PublishedValue, published_tables
from study.cli import app

VALUES = published_tables(load_published_grid())
# The printed digits as they stand in the paper, once more and by hand: (table, row, quantity) -> printed.
PRINTED = {
    ("4", "RadImageNet", "p"): "0.0543",
    ("5", "NonLinear", "p"): "0.0036",
    ("11", "Intercept", "df"): "4.58",
    ("11", "clf", "std. dev."): "0.15394",
    ("12", "Linear", "t"): "-19.135",
    ("12", "numfilters", "std. dev."): "0.015175",
    ("13", "breast (RadImageNet first)", "W"): "998.5",
    ("13", "breast (RadImageNet first)", "p"): "0.8023",
    ("13", "acl (ImageNet first)", "W"): "622",
    ("13", "acl (ImageNet first)", "p"): "0.003935",
}


def _key(value: PublishedValue) -> tuple[str, str, str]:
    return value.table, value.row, value.quantity


@pytest.mark.parametrize("value", VALUES, ids=lambda v: "-".join(_key(v)))
def test_every_printed_number(value: PublishedValue) -> None:
    """Every digit equal, save the last one where lme4's own optimisers stop at different places."""
    assert value.units_off <= OPTIMISER_CELLS.get(_key(value), 0), (value.printed, value.computed)


def test_all_numbers_of_the_five_tables_are_there() -> None:
    assert {table: sum(v.table == table for v in VALUES) for table in ("4", "5", "11", "12", "13")} == {
        "4": 5,
        "5": 9,
        "11": 29,
        "12": 39,
        "13": 4,
    }
    printed = {_key(v): v.printed for v in VALUES}
    assert {key: printed[key] for key in PRINTED} == PRINTED


def test_a_wrong_number_is_called_not_equal() -> None:
    off = PublishedValue(table="11", row="clf", quantity="variance", printed="0.02370", computed=0.02371)
    assert (off.shown, off.units_off, off.verdict) == ("0.02371", 1, "not equal")
    far = PublishedValue(table="12", row="Linear", quantity="p", printed="<2e-16", computed=1e-9)
    assert far.verdict == "not equal"
    known = PublishedValue(table="12", row="Intercept", quantity="t", printed="18.777", computed=18.7757)
    assert known.verdict == "optimiser"


def test_the_command_prints_printed_beside_computed() -> None:
    result = CliRunner().invoke(app, ["stats", "--published"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "Table 13: Wilcoxon rank-sum tests" in result.stdout
    line = next(line for line in result.stdout.splitlines() if "998.5" in line)
    assert line.split()[-5:] == ["W", "998.5", "998.5", "equal", "998.5"]
    assert "86 numbers: 76 equal in every printed digit" in " ".join(result.stdout.split())
    assert "0 not equal" in result.stdout


def test_the_command_takes_no_store_with_published() -> None:
    result = CliRunner().invoke(app, ["stats", "somewhere", "--published"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "--published takes no store" in result.stderr


def test_the_command_goes_beyond_the_paper() -> None:
    """Matched pairs, the pretraining within each backbone, and the reversal that the main effect hides."""
    text = CliRunner().invoke(app, ["stats", "--published"], catch_exceptions=False).stdout
    flat = " ".join(text.split())
    assert "Exact permutation tests over matched cells" in text
    assert "ImageNet - RadImageNet within backbone = ResNet50" in flat
    assert "The effect of 'pretrain' (RadImageNet - ImageNet) changes sign with 'backbone'" in flat
    assert "not planned" not in text


def test_matched_cells_of_the_published_grid() -> None:
    grid = load_published_grid()
    rows = beyond_published(grid).comparisons
    acl = grid[grid["task"] == "acl"].set_index([*MATCH, "pretrain"])["test_auc"].unstack()
    d = acl["ImageNet"] - acl["RadImageNet"]
    flips = rows[(rows["analysis"] == "permutation") & (rows["task"] == "acl")].iloc[0]
    assert (flips["n"], len(d)) == (44, 44)
    assert flips["estimate"] == pytest.approx(d.mean())
    assert flips["method"].endswith("exact")
    assert 0 < flips["p_value"] < 0.001
    sliced = rows[rows["analysis"] == "contrast"]
    assert (sliced["estimate"] > 0).tolist() == [True, False]
