"""A formula is names and signs: nothing in it is looked up, called or run."""

import sys

import pytest

from stats.lmm.formula import parse_formula

ATTACKS = (
    "y ~ __import__('os').system('touch owned') + (1|g)",
    "y ~ I(__import__('os')) + (1|g)",
    "y ~ {__import__('os')} + (1|g)",
    "y ~ C(x, levels=open('/etc/passwd').read()) + (1|g)",
    "y ~ (lambda: 1)() + (1|g)",
    "y ~ x[__import__('os')] + (1|g)",
    "y ~ f'{open(1)}' + (1|g)",
    "np.exp(y) ~ x + (1|g)",
    "y ~ x + (1|eval('g'))",
    "y ~ x + (exec('1')|g)",
    "y ~ poly(x, 2) + (1|g)",
    "y ~ x = 1 + (1|g)",
)


@pytest.mark.parametrize("text", ATTACKS)
def test_code_in_a_formula_is_refused_before_any_column_is_read(text: str) -> None:
    seen: list[str] = []
    watching = [True]

    def watch(event: str, arguments: tuple) -> None:
        if watching[0] and event in ("exec", "compile", "os.system", "open", "subprocess.Popen"):
            seen.append(event)

    parse_formula("y ~ x + (1|g)")  # the grammar is imported
    sys.addaudithook(watch)
    try:
        with pytest.raises(ValueError, match="cannot be used"):
            parse_formula(text)
    finally:
        watching[0] = False
    assert seen == []


def test_a_column_named_as_code_is_a_name() -> None:
    parsed = parse_formula("y ~ `__import__('os').system('x')` + x.__class__ + (1|g)")
    assert parsed.terms == (("__import__('os').system('x')",), ("x.__class__",))
