"""Scanner and parser of `formulae`, without its resolver and without the import of its whole package."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


@lru_cache(maxsize=1)
def grammar() -> tuple[Any, Any]:
    """Scanner and parser of `formulae` without its package module, which takes 0.3 s to import."""
    found = find_spec("formulae")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("The package `formulae` is missing; install it with `pip install formulae`.")
    package = ModuleType("_formulae_grammar")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules[package.__name__] = package
    return import_module("_formulae_grammar.scanner"), import_module("_formulae_grammar.parser")


def merge_double_bars(tokens: Sequence[Any]) -> list[Any]:
    """`formulae` scans `||` as two bars; give its parser one bar that remembers."""
    merged: list[Any] = []
    for token in tokens:
        if token.kind == "PIPE" and merged and merged[-1].kind == "PIPE" and merged[-1].lexeme == "|":
            merged[-1].lexeme = "||"
        else:
            merged.append(token)
    return merged
