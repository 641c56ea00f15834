"""Formulas: what is understood, and that nothing is evaluated."""

import subprocess
import sys
from pathlib import Path

import pytest

from stats.lmm.formula import parse_formula

ROOT = Path(__file__).parents[3]


def test_fixed_terms_come_in_rs_order():
    formula = parse_formula("y ~ a*b + c + (1|g)")
    assert formula.terms == (("a",), ("b",), ("c",), ("a", "b"))
    assert formula.response == "y"
    assert formula.intercept


@pytest.mark.parametrize("text", ["y ~ 0 + a + (1|g)", "y ~ a - 1 + (1|g)", "y ~ -1 + a + (1|g)"])
def test_intercept_can_be_left_out(text):
    assert not parse_formula(text).intercept


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("y ~ a + (1|g)", [(True, (), "g")]),
        ("y ~ a + (x|g)", [(True, (("x",),), "g")]),
        ("y ~ a + (1 + x|g)", [(True, (("x",),), "g")]),
        ("y ~ a + (0 + x|g)", [(False, (("x",),), "g")]),
        ("y ~ a + (x||g)", [(True, (), "g"), (False, (("x",),), "g")]),
        ("y ~ a + (1|g/h)", [(True, (), "h:g"), (True, (), "g")]),
        ("y ~ a + (1|g:h)", [(True, (), "g:h")]),
        ("y ~ a + (1|g/h/k)", [(True, (), "k:(h:g)"), (True, (), "h:g"), (True, (), "g")]),
    ],
)
def test_random_terms(text, parts):
    assert [(r.intercept, r.terms, r.label) for r in parse_formula(text).random] == parts


def test_names_with_blanks_stand_in_backquotes():
    assert parse_formula("`test auc` ~ `my arm` + (1|g)").variables() == ("test auc", "my arm", "g")


def test_terms_shared_by_two_products_are_merged():
    assert parse_formula("y ~ a*b + a*c + (1|g)").terms == (("a",), ("b",), ("c",), ("a", "b"), ("a", "c"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y ~ np.log(a) + (1|g)", r"function call np.log\(...\), which would be code"),
        ("y ~ __import__('os').system('ls') + (1|g)", "does not parse"),
        ("y ~ {a + b} + (1|g)", "would be code"),
        ("y ~ I(a) + (1|g)", "would be code"),
        ("log(y) ~ a + (1|g)", "response left of '~' must be one column name"),
        ("y ~ a + offset(z) + (1|g)", "name the column by the option `offset`"),
        ("y ~ a**2 + (1|g)", r"operator '\*\*' is not allowed"),
        ("y ~ a/b + (1|g)", "operator '/' is not allowed"),
        ("y ~ a - b + (1|g)", "only '-1' can be subtracted"),
        ("y ~ a + 3 + (1|g)", "constant 3 is not a term"),
        ("y ~ a[x] + (1|g)", "a level in square brackets"),
        ("y ~ a == b + (1|g)", "'==' is not expected"),
        ("y ~ a | g", "'|' is not expected"),
        ("y ~ a b + (1|g)", "'b' is not expected"),
        ("y ~ a + (1|g", "does not parse"),
        ("y ~ (a|g)*b", "operator '|' is not allowed"),
        ("y ~ a + (1|g + h)", "not allowed as a grouping factor"),
        ("y ~ a + (1|f(g))", "not allowed as a grouping factor"),
        ("y ~ a + (0|g)", "neither an intercept nor a slope"),
        ("a + (1|g)", "no response"),
        ("y ~ a", "no random term"),
        ("y ~ 0 + (1|g)", "no fixed effect"),
        ("y ~ y + (1|g)", "stands on the right side too"),
        ("y ~ a + (1|y)", "stands on the right side too"),
        ("y ~ a + a + (1|g)", "the term 'a' stands there twice"),
        ("y ~ a:b + b:a + (1|g)", "stands there twice"),
        ("y ~ a + (1|g) + (1|g)", r"the random term '\(1\|g\)' stands there twice"),
        ("y ~ a + (1|g) + (1 + x|g)", r"the random term '\(1\|g\)' stands there twice"),
        ("y ~ `a + (1|g)", "a quote or bracket stays open"),
        ("y ~ " + "*".join(f"v{i}" for i in range(20)) + " + (1|g)", "expand to more than 1000 terms"),
    ],
)
def test_anything_else_is_one_clear_sentence(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_formula(text)
    assert "allowed are column names" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("y ~ " + "(" * 400 + "a" + ")" * 400 + " + (1|g)", "nested too deeply or has too many terms"),
        ("y ~ " + " + ".join(f"v{i}" for i in range(1300)) + " + (1|g)", "nested too deeply or has too many"),
        ("y ~ " + "a" * 20_000 + " + (1|g)", "has 20012 characters"),
    ],
)
def test_endless_formulas_are_refused_in_short(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_formula(text)
    assert len(str(caught.value)) < 400


def test_names_within_a_term_stand_as_written():
    """R: in `(x + a):b` the variables are x, a, b, so the terms are x:b and a:b."""
    assert parse_formula("y ~ (x + a):b + (1|g)").terms == (("x", "b"), ("a", "b"))
    assert parse_formula("y ~ b:a + (a*x|g)").random[0].terms == (("a",), ("x",), ("a", "x"))


def test_a_formula_must_be_text():
    with pytest.raises(TypeError, match="`formula` must be a string"):
        parse_formula(3)


def test_a_fit_loads_no_heavy_library():
    """`study test lmm` must start quickly: of formulae only the parser is loaded."""
    code = (
        "import sys, pandas as pd\n"
        "from stats.lmm import fit_lmm\n"
        "from stats.lmm.summary import lmm_summary\n"
        "frame = pd.DataFrame({'y': [1.0, 2, 3, 5, 4, 7], 'g': list('aabbcc'), 'x': [0, 1, 0, 1, 0, 1]})\n"
        "lmm_summary(fit_lmm('y ~ x + (1|g)', frame))\n"
        "heavy = ('formulae', 'statsmodels', 'pingouin', 'scipy.stats', 'scipy.interpolate', 'torch')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
