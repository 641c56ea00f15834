"""Mixed models of a plan: their tables, contrasts, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from data.store import Store
from study.analyse import analyse
from study.analyses import mixed_models
from study.config import AnalysisPlan, parse_study

MakeStore = Callable[..., Store]


Analysed = tuple[Store, dict[str, pd.DataFrame]]


def plan_of(**parts: Any) -> AnalysisPlan:
    return AnalysisPlan.model_validate(parts)


def pick(frame: pd.DataFrame, **keys: Any) -> pd.Series:
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1, frame
    return frame.iloc[0]


def test_mixed_models_keep_cells_without_a_grouping_factor(analysed: Analysed) -> None:
    tables = analysed[1]
    model = tables["mixed_models"].iloc[0]
    assert model["n"] == 20
    assert "4 cells without filters form the level 'not used'" in model["note"]
    random = tables["mixed_random"]
    assert pick(random, model=1, group="filters")["levels"] == 3
    assert set(tables["mixed_fixed"]["term"]) == {
        "Intercept",
        "pretrain[RadImageNet]",
        "head[ConvSkip]",
        "head[Linear]",
    }


def test_contrasts_stand_among_the_comparisons(analysed: Analysed) -> None:
    rows = analysed[1]["comparisons"]
    rows = rows[rows["analysis"] == "contrast"]
    assert rows["comparison"].tolist() == ["Conv - ConvSkip", "Conv - Linear", "ConvSkip - Linear"]
    assert rows["p_adjusted"].ge(rows["p_value"]).all()
    assert rows["planned"].all()


def test_a_disagreement_of_the_engines_is_told(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stats.lmm import crosscheck_statsmodels

    plan = plan_of(mixed=[{"formula": "test_auc ~ pretrain + (1|head)"}])
    store = make_store()
    agreed = analyse(store, plan)["mixed_models"].loc[0, "note"]
    assert "statsmodels" not in (agreed or "")
    monkeypatch.setattr(crosscheck_statsmodels, "ESTIMATES_AGREE", -1.0)
    told = analyse(store, plan)["mixed_models"].loc[0, "note"]
    assert "(lower fits better)" in told


def test_a_model_that_is_too_large_for_the_second_engine_says_so(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(mixed=[{"formula": "test_auc ~ pretrain + (1|head)"}])
    monkeypatch.setattr(mixed_models, "LARGEST_CHECK", 10)
    told = analyse(make_store(), plan)["mixed_models"].loc[0, "note"]
    assert "not compared with statsmodels, which takes too long for" in told


def test_findings_compare_with_the_baseline_of_the_fitted_cells(make_store: MakeStore) -> None:
    """Without a done Conv cell the heads are compared with ConvSkip; without intercept they are means."""
    store = make_store(change=lambda row, frame: None if row["head"] == "Conv" else frame)
    formulas = ("test_auc ~ head + (1|task)", "test_auc ~ 0 + head + (1|task)")
    plan = AnalysisPlan.model_validate({"mixed": [{"formula": text} for text in formulas]})
    findings = analyse(store, plan)["findings"]
    told = findings.loc[findings["analysis"] == "mixed", "sentence"].tolist()
    assert "head Linear against ConvSkip" in told[0] or "head Linear than with ConvSkip" in told[0]
    assert ["the mean of test_auc with head" in text for text in told] == [False, True, True]


def test_terms_and_variances_have_their_tests_and_shares(analysed: Analysed) -> None:
    tables = analysed[1]
    tests = tables["mixed_tests"]
    head = pick(tests[tests["model"] == 2], part="fixed")
    assert (head["term"], head["df1"]) == ("head", 2)
    assert set(tests.loc[tests["part"] == "random", "df1"]) == {1}
    assert tables["mixed_shares"].groupby("model")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert tables["mixed_models"]["r2_conditional"].between(0, 1).all()


def test_a_factor_with_unused_cells_has_one_role(analysed: Analysed) -> None:
    plan = AnalysisPlan.model_validate({"mixed": [{"formula": "test_auc ~ filters + (1|filters)"}]})
    note = analyse(analysed[0], plan)["mixed_models"].loc[0, "note"]
    assert "`filters` is fixed and random" in note


def test_cells_left_out_of_a_model_stand_in_its_finding(make_store: MakeStore) -> None:
    plan = AnalysisPlan.model_validate({"mixed": [{"formula": "test_auc ~ filters + (1|task)"}]})
    tables = analyse(make_store(), plan)
    assert "4 cells with missing values left out" in tables["findings"].loc[0, "sentence"]
    assert tables["mixed_models"].loc[0, "note"].count("4 ") == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"formula": "test_auc ~ pretain + (1|task)"}, "names `pretain`, which is no column of the cells"),
        ({"formula": "test_auc ~ log(lr) + (1|task)"}, "would be code"),
        (
            {"formula": "test_auc ~ pretrain + (1|task)", "contrasts": {"head": "pairwise"}},
            "compares levels of `head`, which is not among its fixed effects \\(pretrain\\)",
        ),
    ],
)
def test_a_model_that_cannot_be_meant_stops_before_the_analysis(
    make_store: MakeStore, entry: dict[str, Any], message: str
) -> None:
    store = make_store()
    with pytest.raises(ValueError, match=message):
        analyse(store, AnalysisPlan.model_validate({"mixed": [entry]}))
    text = (store.root / "study.toml").read_text()
    text = text[: text.index("[[analysis.mixed]]")]
    body = f'[[analysis.mixed]]\nformula = "{entry["formula"]}"\n'
    if "contrasts" in entry:
        body += 'contrasts = { head = "pairwise" }\n'
    with pytest.raises(ValueError, match=message):
        parse_study(text + body)
