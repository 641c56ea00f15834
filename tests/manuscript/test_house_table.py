"""What tables must be so that Quarto can turn them into Word and Typst without a warning."""

import re

import pandas as pd

from manuscript.load import Report
from manuscript.tables import data_table, styled


def test_no_table_names_fonts(synthetic_report: Report) -> None:
    summary = synthetic_report.table("data_summary")
    assert summary is not None
    html = data_table(summary)._repr_html_()
    assert "font-family" not in html
    assert "font-size: 0.85em" in html


def test_a_changed_table_stays_a_house_table() -> None:
    table = styled(pd.DataFrame({"A": ["x"]})).tab_source_note("later")
    html = table._repr_html_()
    assert "later" in html
    assert "font-family" not in html


def test_style_rules_stay_whole_without_the_fonts() -> None:
    html = styled(pd.DataFrame({"A": ["x"]}))._repr_html_()
    css = html[html.index("<style>") + 7 : html.index("</style>")]
    assert css.count("{") == css.count("}") > 10
    assert re.search(r"table \{\s*-webkit-font-smoothing", css)
