"""lme4 formulas: text to named terms. Parsed with `formulae`, never evaluated.

Only the grammar of `formulae` (scanner and parser) is used. Its resolver is not: it drops `a | g` outside
brackets in silence and cannot tell `(1 + x | g)` from `(1 | g) + (0 + x | g)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from stats.lmm.grammar import grammar, merge_double_bars

Term = tuple[str, ...]

MOST_TERMS = 1000  # fixed terms that products may expand to
LONGEST = 10_000  # characters of a formula

ALLOWED = (
    "allowed are column names (`in backquotes` if they have blanks), `:`, `*`, `+`, `-1`, and random terms "
    "(1|g), (x|g), (x||g), (1|a/b) and (1|a:b)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomTerm:
    """One random-effects term: its coefficients vary, correlated, over the levels of `group`.

    Attributes
    ----------
    intercept : bool
    terms : the slope terms, each a tuple of column names
    group : column names whose combination is the grouping factor
    label : name of the grouping factor as lme4 prints it; `(1|a/b)` gives `a` and `b:a`
    """

    intercept: bool
    terms: tuple[Term, ...]
    group: Term
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LmmFormula:
    """A mixed-model formula as names.

    Attributes
    ----------
    text : the formula as given
    response : column name
    intercept : bool
    terms : fixed terms without the intercept, in R's order (main effects first, then interactions)
    random : random terms in the order of the formula
    """

    text: str
    response: str
    intercept: bool
    terms: tuple[Term, ...]
    random: tuple[RandomTerm, ...]

    def variables(self) -> tuple[str, ...]:
        """Every column that the model needs, the response first."""
        names = [self.response, *(v for term in self.terms for v in term)]
        for part in self.random:
            names += [v for term in part.terms for v in term] + list(part.group)
        return tuple(dict.fromkeys(names))


def parse_formula(text: str) -> LmmFormula:
    """Read an lme4 formula.

    Parameters
    ----------
    text : for example `"auc ~ pretrain + (1|head) + (1|backbone/fold)"`

    Raises
    ------
    TypeError : `text` is not a string
    ValueError : anything but names, `:`, `*`, `+`, `-1` and random terms; a term written twice; no random
        term
    """
    if not isinstance(text, str):
        raise TypeError(f"`formula` must be a string such as 'y ~ x + (1|g)', got {type(text).__name__}.")
    text = text.strip()
    if not text:
        raise ValueError("`formula` is empty; write for example 'y ~ x + (1|g)'.")
    if len(text) > LONGEST:
        raise ValueError(
            f"`formula` has {len(text)} characters; at most {LONGEST} are read. Use fewer or shorter terms."
        )
    try:
        return _parse(text)
    except RecursionError:
        raise ValueError(
            f"`formula` '{_short(text)}' is nested too deeply or has too many terms; use fewer brackets or "
            "terms."
        ) from None


@lru_cache(maxsize=128)
def _parse(text: str) -> LmmFormula:
    tree = _syntax_tree(text)
    kind = type(tree).__name__
    if kind != "Binary" or tree.operator.kind != "TILDE":
        raise _error(text, "it has no response; write 'response ~ terms'")
    if type(tree.left).__name__ not in ("Variable", "QuotedName"):
        raise _error(text, "the response left of '~' must be one column name")
    response = _name(tree.left, text)
    intercept, fixed, random = _right_side(tree.right, text)
    terms = _in_r_order(fixed, _written_names(tree.right))
    right = [*terms, *(part.group for part in random), *(term for part in random for term in part.terms)]
    if any(response in term for term in right):
        raise _error(text, f"the response '{response}' stands on the right side too")
    if not random:
        raise _error(text, "it has no random term, so it is not a mixed model; add one such as (1|group)")
    if not terms and not intercept:
        raise _error(text, "it has no fixed effect; keep the intercept or add a term")
    return LmmFormula(
        text=text, response=response, intercept=intercept, terms=tuple(terms), random=tuple(random)
    )


def _error(text: str, what: str) -> ValueError:
    return ValueError(f"`formula` '{_short(text)}' cannot be used: {what}; {ALLOWED}.")


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."


def _syntax_tree(text: str) -> Any:
    scanning, parsing = grammar()
    try:
        parser = parsing.Parser(merge_double_bars(scanning.Scanner(text).scan()))
        tree = parser.parse()
    except IndexError:
        raise _error(text, "it does not parse (a quote or bracket stays open)") from None
    except (parsing.ParseError, scanning.ScanError, ValueError, TypeError) as error:
        raise _error(text, f"it does not parse ({str(error).rstrip('.')})") from error
    if not parser.at_end():
        raise _error(text, f"'{parser.peek().lexeme}' is not expected where it stands")
    return tree


def _name(node: Any, text: str) -> str:
    kind = type(node).__name__
    if kind == "QuotedName":
        return str(node.expression.lexeme[1:-1])
    if kind == "Variable" and node.level is None:
        return str(node.name.lexeme)
    raise _error(text, f"a column name is expected, not {_describe(node)}{_hint(node)}")


def _describe(node: Any) -> str:
    kind = type(node).__name__
    if kind == "Call":
        return f"the function call {_callee(node)}(...), which would be code"
    if kind == "Binary":
        return f"the operator '{node.operator.lexeme}'"
    if kind == "Literal":
        return f"the constant {node.value!r}"
    if kind == "Unary":
        return f"the sign '{node.operator.lexeme}'"
    return {"Variable": "a level in square brackets", "Assign": "an assignment"}.get(kind, kind)


def _hint(node: Any) -> str:
    """What to do instead of a call."""
    if type(node).__name__ != "Call":
        return ""
    if _callee(node) == "offset":
        return " (name the column by the option `offset`)"
    return " (compute the column beforehand)"


def _callee(node: Any) -> str:
    return str(getattr(getattr(node.callee, "name", None), "lexeme", "a function"))


def _right_side(node: Any, text: str) -> tuple[bool, list[Term], list[RandomTerm]]:
    intercept = True
    terms: list[Term] = []
    random: list[RandomTerm] = []
    seen: set[frozenset[frozenset[str]]] = set()
    for sign, summand in _summands(node, 1):
        bar = _bar(summand)
        constant = _constant(summand)
        if bar is not None and sign > 0:
            random += _random_terms(bar, text)
        elif constant is not None:
            intercept = _intercept(constant, sign, text)
        elif sign < 0:
            raise _error(text, "only '-1' can be subtracted")
        else:
            expanded = _expand(summand, text)
            key = frozenset(frozenset(term) for term in expanded)
            if key in seen:
                raise _error(text, f"the term '{':'.join(expanded[-1])}' stands there twice")
            seen.add(key)
            terms += expanded
    _check_random_twice(random, text)
    return intercept, terms, random


def _summands(node: Any, sign: int) -> list[tuple[int, Any]]:
    """The summands of `a + b - 1` with their signs, from the left."""
    kind = type(node).__name__
    if kind == "Binary" and node.operator.kind in ("PLUS", "MINUS"):
        right = sign if node.operator.kind == "PLUS" else -sign
        return _summands(node.left, sign) + _summands(node.right, right)
    if kind == "Unary":
        return _summands(node.right, sign if node.operator.kind == "PLUS" else -sign)
    if kind == "Grouping" and _bar(node) is None:
        return _summands(node.expression, sign)
    return [(sign, node)]


def _bar(node: Any) -> Any:
    inner: Any = node.expression if type(node).__name__ == "Grouping" else None
    return inner if type(inner).__name__ == "Binary" and inner.operator.kind == "PIPE" else None


def _constant(node: Any) -> Any:
    return node.value if type(node).__name__ == "Literal" else None


def _intercept(constant: Any, sign: int, text: str) -> bool:
    if constant not in (0, 1) or isinstance(constant, (bool, str)) or (constant == 0 and sign < 0):
        raise _error(text, f"the constant {constant!r} is not a term (only 0 and 1 are)")
    return bool(constant == 1 and sign > 0)


def _expand(node: Any, text: str) -> list[Term]:
    """Terms of an expression of names, `:`, `*`, `+` and brackets."""
    kind = type(node).__name__
    if kind == "Grouping":
        return _expand(node.expression, text)
    if kind in ("Variable", "QuotedName"):
        return [(_name(node, text),)]
    if kind == "Binary" and node.operator.kind in ("PLUS", "STAR", "COLON"):
        left, right = _expand(node.left, text), _expand(node.right, text)
        if node.operator.kind != "PLUS" and len(left) * len(right) > MOST_TERMS:
            raise _error(text, f"its products expand to more than {MOST_TERMS} terms")
        crossed = [tuple(dict.fromkeys(a + b)) for a in left for b in right]
        both = {"PLUS": left + right, "STAR": left + right + crossed, "COLON": crossed}[node.operator.kind]
        return _unique(both)
    raise _error(text, f"{_describe(node)} is not allowed here{_hint(node)}")


def _written_names(node: Any) -> list[str]:
    """Names of an expression from the left, without those of random terms."""
    kind = type(node).__name__
    if kind == "Grouping":
        return [] if _bar(node) is not None else _written_names(node.expression)
    if kind == "Binary":
        return _written_names(node.left) + _written_names(node.right)
    if kind == "Unary":
        return _written_names(node.right)
    if kind == "QuotedName":
        return [str(node.expression.lexeme[1:-1])]
    return [str(node.name.lexeme)] if kind == "Variable" else []


def _unique(terms: Sequence[Term]) -> list[Term]:
    first: dict[frozenset[str], Term] = {}
    for term in terms:
        first.setdefault(frozenset(term), term)
    return list(first.values())


def _in_r_order(terms: Sequence[Term], written: Sequence[str]) -> list[Term]:
    """As R's terms(): main effects first, and names within a term in the order in which they are written."""
    order = {v: i for i, v in enumerate(dict.fromkeys(written))}
    return sorted(_unique([tuple(sorted(term, key=order.__getitem__)) for term in terms]), key=len)


def _random_terms(bar: Any, text: str) -> list[RandomTerm]:
    intercept = True
    terms: list[Term] = []
    for sign, summand in _summands(bar.left, 1):
        constant = _constant(summand)
        if constant is not None:
            intercept = _intercept(constant, sign, text)
        elif sign < 0:
            raise _error(text, "only '-1' can be subtracted")
        else:
            terms += _expand(summand, text)
    terms = _in_r_order(terms, _written_names(bar.left))
    if not terms and not intercept:
        raise _error(text, "a random term has neither an intercept nor a slope")
    parts: list[RandomTerm] = []
    for group, label in _groups(bar.right, text):
        whole = RandomTerm(intercept=intercept, terms=tuple(terms), group=group, label=label)
        if bar.operator.lexeme == "||":
            parts += [replace(whole, terms=())] if intercept else []
            parts += [replace(whole, intercept=False, terms=(term,)) for term in terms]
        else:
            parts.append(whole)
    return parts


def _groups(node: Any, text: str) -> list[tuple[Term, str]]:
    """Grouping factors right of the bar. `a/b` gives a and b within a, named `b:a` as in lme4."""
    kind = type(node).__name__
    if kind == "Grouping":
        return _groups(node.expression, text)
    if kind == "Binary" and node.operator.kind == "SLASH":
        outer = _groups(node.left, text)
        inner, label = _single_group(node.right, text)
        around = f"({outer[0][1]})" if len(outer) > 1 else outer[0][1]  # lme4: c:(b:a)
        nested = (inner + outer[0][0], f"{label}:{around}")
        return [nested, *outer]
    return [_single_group(node, text)]


def _single_group(node: Any, text: str) -> tuple[Term, str]:
    kind = type(node).__name__
    if kind == "Grouping":
        return _single_group(node.expression, text)
    if kind == "Binary" and node.operator.kind == "COLON":
        left, right = _single_group(node.left, text), _single_group(node.right, text)
        return left[0] + right[0], f"{left[1]}:{right[1]}"
    if kind in ("Variable", "QuotedName"):
        name = _name(node, text)
        return (name,), name
    raise _error(text, f"{_describe(node)} is not allowed as a grouping factor{_hint(node)}")


def _check_random_twice(random: Sequence[RandomTerm], text: str) -> None:
    """`(1|g) + (1+x|g)` has two intercepts for g: only their sum is identified."""
    seen: set[tuple[frozenset[str], frozenset[str]]] = set()
    for part in random:
        coefficients = [frozenset(term) for term in part.terms] + (
            [frozenset[str]()] if part.intercept else []
        )
        for coefficient in coefficients:
            key = (frozenset(part.group), coefficient)
            if key in seen:
                name = ":".join(sorted(coefficient)) or "1"
                raise _error(text, f"the random term '({name}|{part.label})' stands there twice")
            seen.add(key)
