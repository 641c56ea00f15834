"""An interval of an AUC that is symmetric on the logit scale: AUC, limits and standard error together."""

from __future__ import annotations

import math

from scipy.special import logit, ndtri

from stats.claims.check import Check, first_possible
from stats.claims.printed import Printed, Range, Reading

CODE = "test-figures"


def logit_interval_check(auc: Printed, low: Printed, high: Printed, *, level: float, allowed: Range) -> Check:
    """Check an interval logit(A) -+ q SE / (A (1 - A)) of an AUC A.

    Parameters
    ----------
    level : of the interval
    allowed : possible standard errors of the AUC
    """

    def ask(reading: Reading) -> Check:
        a, left, right = (_logits(item.range(reading)) for item in (auc, low, high))
        said = f"AUC {auc.text} and logit interval {low.text} to {high.text}"
        middle = Range((left.low + right.low) / 2.0, (left.high + right.high) / 2.0)
        if a.meet(Range(middle.low - 1e-9, middle.high + 1e-9)).empty:
            return _answer("contradiction", f"{said} do not belong together: the AUC is not in its middle.")
        width = max(0.0, right.low - left.high), right.high - left.low
        quantile = (float(ndtri(0.5 + level / 2.0)), 1.96 if abs(level - 0.95) < 1e-9 else 0.0)
        used = [q for q in quantile if q > 0.0]
        share = [p * (1.0 - p) for p in (max(0.0, auc.range(reading).low), min(1.0, auc.range(reading).high))]
        share += [0.25] * (0.5 in auc.range(reading))
        widest = width[1] / 2.0 / min(used) * max(share) if math.isfinite(width[1]) else math.inf
        spread = Range(width[0] / 2.0 / max(used) * min(share), widest)
        if spread.meet(Range(allowed.low, allowed.high * (1.0 + 1e-6))).empty:
            words = f"a standard error of {spread.low:.4g} or more, which the class sizes do not allow"
            return _answer("contradiction", f"{said} need {words} ({allowed.high:.4g} at most).")
        return _answer("consistent", f"{said} belong together.")

    return first_possible(ask)


def _answer(verdict: str, sentence: str) -> Check:
    return Check(code=CODE, verdict=verdict, sentence=sentence)  # type: ignore[arg-type]


def _logits(values: Range) -> Range:
    ends = [min(1.0, max(0.0, end)) for end in (values.low, values.high)]
    return Range(
        *(float(logit(end)) if 0.0 < end < 1.0 else math.copysign(math.inf, end - 0.5) for end in ends)
    )
