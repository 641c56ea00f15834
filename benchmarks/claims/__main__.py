"""Audit simulated papers and write docs/statistics/claims-validation.md.

Run: python -m benchmarks.claims [--papers N] [--quick]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.claims.faults import FAULTS, Fault
from benchmarks.claims.papers import Paper, honest_paper
from stats.rates.proportions import clopper_pearson_ci
from study.claims.audit import audit_claims
from study.claims.schema import ClaimsFile

PAPERS, QUICK = 200, 26
SEED = 2026
WORDS = Path(__file__).with_name("page.md")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "statistics" / "claims-validation.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the audit of one simulated paper says: codes of its errors and warnings, checks, and the paper."""

    fault: Fault | None
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    checks: int
    paper: Paper

    @property
    def found(self) -> bool:
        """Whether the planted contradiction is an error."""
        return self.fault is not None and any(code in self.fault.codes for code in self.errors)


def simulate(papers: int, *, planted: bool) -> list[Audited]:
    """Return the audits of honest papers, or of papers with one contradiction of each kind in turn."""
    rng = np.random.default_rng([SEED, int(planted)])
    found = []
    for i in range(papers):
        paper, fault = honest_paper(rng), FAULTS[i % len(FAULTS)] if planted else None
        if fault is not None:
            fault.plant(paper, rng)
        found.append(_audited(paper, fault))
    return found


def _audited(paper: Paper, fault: Fault | None) -> Audited:
    audit = audit_claims(ClaimsFile.model_validate(paper))
    errors, warnings = (
        tuple(found.code for found in audit.findings if found.severity == severity)
        for severity in ("error", "warning")
    )
    return Audited(
        fault=fault,
        errors=errors,
        warnings=warnings,
        checks=len(audit.checks) - audit.count("not run"),
        paper=paper,
    )


def page(honest: list[Audited], planted: list[Audited]) -> str:
    """Return the page in Markdown, from the words of page.md."""
    accused = sum(bool(audited.errors) for audited in honest)
    doubted = sum(bool(set(audited.warnings) - {"multiplicity"}) for audited in honest)
    rows = []
    for fault in FAULTS:
        own = [audited for audited in planted if audited.fault is fault]
        rows.append(f"| {fault.name} | {sum(audited.found for audited in own)} of {len(own)} |")
    return WORDS.read_text(encoding="utf-8").format(
        honest=len(honest),
        planted=len(planted),
        checks=f"{sum(audited.checks for audited in honest):,}",
        accused=_share(accused, len(honest)),
        doubted=_share(doubted, len(honest)),
        found=_share(sum(audited.found for audited in planted), len(planted)),
        rows="\n".join(rows),
    )


def _share(k: int, n: int) -> str:
    low, high = clopper_pearson_ci(k, n)
    return f"{k} of {n} ({100 * k / n:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    """Simulate and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--papers", type=int, default=PAPERS, help="of each sort")
    parser.add_argument("--quick", action="store_true", help="few papers; writes no page")
    options = parser.parse_args()
    started = time.perf_counter()
    papers = QUICK if options.quick else options.papers
    honest, planted = (simulate(papers, planted=which) for which in (False, True))
    text = page(honest, planted)
    print(text)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    if not options.quick:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
