"""`study test lmm --formula`: any text."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import mutated_text
from tests.fuzz.tables import grid_csv

VALID = (
    "auc ~ head + (1|task) + (1|backbone)",
    "auc ~ head * backbone + (1|task)",
    "auc ~ head + seed + (seed||task)",
    "auc ~ 0 + head + (1|task/backbone)",
    "auc ~ head:backbone - 1 + (1|task:backbone)",
    "`auc` ~ `head` + (1 + seed | task)",
)
_NAMES = ("auc", "head", "backbone", "task", "seed", "extra col", "1", "0", "-1", "`extra col`", "x[1]")
_SIGNS = (
    "+",
    "-",
    "*",
    ":",
    "/",
    "|",
    "||",
    "~",
    "(",
    ")",
    "**",
    "^",
    "%in%",
    "`",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
)
_CALLS = (
    "__import__('os').system('touch /tmp/owned')", "np.log(auc)", "I(seed**2)", "C(head)", "offset(seed)",
    "bs(seed, df=3)", "(lambda: 1)()", "head.__class__", "f'{seed}'", "eval('1')", "{1/0}", "scale(seed)",
)  # fmt: skip


def _prepare(samples: Path) -> None:
    (samples / "grid.csv").write_text(grid_csv(), encoding="utf-8")


def _make(rng: Random, samples: Path, _: Path) -> Case:
    kind = rng.random()
    if kind < 0.45:
        formula = mutated_text(rng, rng.choice(VALID), (*_NAMES, *_SIGNS, *_CALLS))
    elif kind < 0.7:
        formula = "auc ~ " + " ".join(rng.choice((*_NAMES, *_SIGNS)) for _ in range(rng.randrange(1, 14)))
    elif kind < 0.8:
        formula = rng.choice(VALID).replace("head", rng.choice(_CALLS), 1)
    elif kind < 0.85:
        formula = _deep(rng)
    else:
        slope, group = (
            rng.choice(("1", "seed", "1 + seed", "0 + seed")),
            rng.choice(("task", "backbone", "head")),
        )
        formula = f"auc ~ {_sum(rng)} + ({slope}|{group})"
    table = samples / "grid.csv"
    return Case(args=("test", "lmm", str(table), "--formula", formula, "--json"), told=formula)


def _sum(rng: Random) -> str:
    names = ("head", "backbone", "seed", "1", "0", "task", "`extra col`")
    return "".join(rng.choice(names) + rng.choice(("+", "*", ":", " + ")) for _ in range(3)) + "head"


def _deep(rng: Random) -> str:
    n = rng.choice((50, 500, 5000))
    return rng.choice(
        (
            "auc ~ " + "(" * n + "head" + ")" * n + " + (1|task)",
            "auc ~ " + "+".join(f"x{i}" for i in range(n)) + " + (1|task)",
            "auc ~ " + "*".join("head" for _ in range(n)) + " + (1|task)",
            "auc ~ " + "-" * n + "1 + (1|task)",
            "auc ~ head + (1|" + "/".join("task" for _ in range(n)) + ")",
            "auc ~ (" + "+".join(f"a{i}" for i in range(30)) + ")**" + str(n) + " + (1|task)",
        )
    )


FORMULAS = Target(name="formulas", share=0.16, prepare=_prepare, make=_make)
