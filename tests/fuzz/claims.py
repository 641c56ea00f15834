"""`study audit claims`: files of printed figures."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import TEXTS, mutated_bytes, mutated_text

_SHIPPED = Path(__file__).resolve().parents[2] / "docs" / "claims"
_WORDS = (
    "[[claims]]",
    "0.05",
    "-1",
    "1e400",
    "nan",
    "'auc'",
    "n = 0",
    "[" * 3000,
    "{a=" * 500,
    "0",
    "true",
    "10**9",
)


def _prepare(samples: Path) -> None:
    for path in sorted(_SHIPPED.glob("*.toml")):
        shutil.copyfile(path, samples / path.name)


def _make(rng: Random, samples: Path, out: Path) -> Case:
    source = rng.choice(sorted(samples.glob("*.toml")))
    path = out / "claims.toml"
    if rng.random() < 0.25:
        path.write_bytes(mutated_bytes(rng, source.read_bytes(), b"\xff\xfe"))
    elif rng.random() < 0.6:
        path.write_text(_other_value(rng, source.read_text("utf-8")), "utf-8", errors="surrogatepass")
    else:
        text = mutated_text(rng, source.read_text("utf-8"), (*_WORDS, *TEXTS))
        path.write_text(text, "utf-8", errors="surrogatepass")
    return Case(args=("audit", "claims", str(path)), told=source.name)


def _other_value(rng: Random, text: str) -> str:
    """One value of the file replaced by a value of another kind."""
    lines = text.splitlines()
    at = rng.choice([i for i, line in enumerate(lines) if " = " in line])
    key, _, _ = lines[at].partition(" = ")
    lines[at] = f"{key} = {rng.choice((*_WORDS, *TEXTS))}"
    return "\n".join(lines)


CLAIMS = Target(name="claims", share=0.06, prepare=_prepare, make=_make)
