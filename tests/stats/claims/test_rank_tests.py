"""W and its p-value: R's own figures are consistent, others are not."""

import json
from pathlib import Path

import numpy as np
import pytest

from stats.claims.many_tests import multiplicity_check
from stats.claims.printed import parse_printed
from stats.claims.rank_tests import RankFigures, rank_p_check, w_check

CASES = json.loads((Path(__file__).parents[2] / "golden" / "wilcoxon.json").read_text())["cases"]


def printed(value: float, digits: int):
    return parse_printed(f"{value:.{digits}f}")


def figures_of(case: dict, digits: int, *, stated: bool) -> RankFigures:
    options = dict(case["options"] or {})
    paired = bool(options.get("paired"))
    x, y = np.array(case["x"]), np.array(case["y"])
    n_a = int(np.count_nonzero(x - y)) if paired else x.size
    exact = "exact" in case["method"]
    return RankFigures(
        test="signed-rank" if paired else "rank-sum",
        n_a=n_a,
        n_b=0 if paired else y.size,
        w=parse_printed(f"{case['statistic']:g}"),
        p=printed(case["p_value"], digits),
        alternative=options.get("alternative", "two-sided") if stated else None,
        exact=exact if stated else None,
        correction="correction" in case["method"] if stated and not exact else None,
    )


@pytest.mark.parametrize("digits", [2, 3, 4, 6])
@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_figures_of_r_are_never_contradicted(case, digits, stated):
    figures = figures_of(case, digits, stated=stated)
    assert w_check(figures).verdict == "consistent"
    assert rank_p_check(figures).verdict in ("consistent", "doubtful")
    if stated and "ties" not in case["name"]:
        assert rank_p_check(figures).verdict == "consistent"


def test_wrong_figures_are_contradicted():
    def figures(**changed) -> RankFigures:
        w, p = parse_printed(changed.pop("w", "622")), parse_printed(changed.pop("p", "0.003935"))
        return RankFigures(test="rank-sum", n_a=44, n_b=44, w=w, p=p, **changed)

    assert rank_p_check(figures()).verdict == "consistent"
    assert rank_p_check(figures(p="0.39")).verdict == "contradiction"
    assert rank_p_check(figures(p="0.0001", ties=False)).verdict == "contradiction"
    assert rank_p_check(figures(p="0.0001")).verdict == "doubtful"  # ties could do it
    assert w_check(figures(w="1937")).verdict == "contradiction"
    assert w_check(figures(w="998.5")).verdict == "consistent"
    assert w_check(figures(w="998.5", ties=False)).verdict == "contradiction"
    assert rank_p_check(figures(w="1937")).verdict == "not run"
    assert rank_p_check(RankFigures(test="rank-sum", n_a=4, n_b=4, w=parse_printed("3"))).verdict == "not run"


def test_few_ties_are_no_reason_for_doubt():
    figures = RankFigures(
        test="rank-sum", n_a=44, n_b=44, w=parse_printed("622"), p=parse_printed("0.00380"), correction=True
    )
    found = rank_p_check(figures)
    assert found.verdict == "consistent"
    assert "if ties leave 9" in found.sentence


def test_lost_verdicts_are_named_and_rounding_is_not_to_blame():
    def check(*texts, adjusted=False):
        p_values = {f"test {i}": parse_printed(text) for i, text in enumerate(texts)}
        return multiplicity_check(p_values, alpha=0.05, adjusted=adjusted)

    found = check("0.001", "0.03", "0.20", "0.60")
    assert found.verdict == "doubtful"
    assert "test 1 would not stay below 0.05" in found.sentence
    assert check("0.001", "0.03", "0.20", adjusted=True).verdict == "consistent"
    assert check("0.02", "0.05").verdict == "consistent"  # 0.0245 twice is 0.049
    assert check("<0.001", "0.0165").verdict == "consistent"
    assert check("0.03").verdict == "not run"
