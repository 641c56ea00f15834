"""From a claims file to checks and findings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stats.claims.check import VERDICTS, Check
from stats.claims.totals import total_check
from stats.claims.variance import variance_check
from stats.findings import Finding, Severity, sorted_findings
from study.claims.advice import ADVICE, SOURCES
from study.claims.comparison_checks import (
    coefficient_checks,
    comparison_checks,
    family_checks,
    mcnemar_checks,
    wilcoxon_checks,
)
from study.claims.model_checks import model_checks
from study.claims.schema import ClaimsFile, SampleClaim
from study.config.load import parse_toml, read_text, validate

SEVERITY_OF: dict[str, Severity] = {"contradiction": "error", "doubtful": "warning", "cut off": "note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsAudit:
    """What can be said of the figures of one paper.

    Attributes
    ----------
    checks : every check in the order of the file, also those that found nothing or could not run
    findings : of the checks that object, errors first
    """

    title: str
    source: str
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]

    def count(self, verdict: str) -> int:
        """Return how many checks have this verdict."""
        return sum(check.verdict == verdict for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return the audit as dicts, lists, texts and unrounded numbers."""
        return {
            "title": self.title,
            "source": self.source,
            "counts": {verdict: self.count(verdict) for verdict in VERDICTS},
            "findings": [finding.as_json() for finding in self.findings],
            "checks": [
                {
                    "code": check.code,
                    "verdict": check.verdict,
                    "where": check.where,
                    "sentence": check.sentence,
                    "evidence": [dict(row) for row in check.evidence],
                }
                for check in self.checks
            ],
            "sources": {key: SOURCES[key] for finding in self.findings for key in finding.sources},
        }


def load_claims(path: Path) -> ClaimsFile:
    """Return the checked content of a claims file.

    Raises
    ------
    FileNotFoundError : no such file
    ValueError : no TOML, an unknown key, a figure that is no printed number; each names its place
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is no file. A claims file is TOML with what a paper states; "
            "docs/claims/README.md shows one."
        )
    return validate(ClaimsFile, parse_toml(read_text(path), str(path)), str(path))


def audit_claims(claims: ClaimsFile) -> ClaimsAudit:
    """Check all figures of a paper.

    Raises
    ------
    ValueError : the file states no figure at all
    """
    checks = [
        *(check for name, sample in claims.samples.items() for check in _sample_checks(name, sample)),
        *(total_check(c.total, c.parts, what=c.name).at(_place(c.name, c.where)) for c in claims.totals),
        *(check for model in claims.models for check in model_checks(model, claims.sample_of(model))),
        *(check for claim in claims.comparisons for check in comparison_checks(claims, claim)),
        *(check for claim in claims.mcnemar for check in mcnemar_checks(claims, claim)),
        *(check for claim in claims.coefficients for check in coefficient_checks(claim)),
        *(variance_check(c.variance, c.std_dev).at(_place(c.name, c.where)) for c in claims.variances),
        *(check for claim in claims.wilcoxon for check in wilcoxon_checks(claim)),
        *family_checks(claims),
    ]
    if not checks:
        raise ValueError("The claims file states no figures; see docs/claims/README.md for what it can hold.")
    findings = sorted_findings(_finding(check) for check in checks)
    return ClaimsAudit(title=claims.title, source=claims.source, checks=tuple(checks), findings=findings)


def _sample_checks(name: str, sample: SampleClaim) -> list[Check]:
    stated = {"positive": sample.positive, "negative": sample.negative}
    parts = {class_: n for class_, n in stated.items() if n is not None}
    if sample.n is None or (len(parts) < 2 and sum(parts.values()) <= sample.n):
        return []
    return [total_check(sample.n, parts, what="classes").at(_place(name, sample.where))]


def _finding(check: Check) -> Finding | None:
    severity = SEVERITY_OF.get(check.verdict)
    if severity is None:
        return None
    advice = ADVICE[check.code]
    return Finding(
        code=check.code,
        severity=severity,
        where=check.where,
        sentence=check.sentence,
        evidence=check.evidence,
        why=advice.why,
        do=advice.do,
        sources=advice.sources,
    )


def _place(name: str, where: str) -> str:
    return f"{name} ({where})" if where else name
