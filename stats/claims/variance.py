"""A variance and its standard deviation, printed side by side."""

from __future__ import annotations

from stats.claims.check import Check, first_possible
from stats.claims.printed import Printed, Range, Reading

CODE = "variance"


def variance_check(variance: Printed, std_dev: Printed) -> Check:
    """Check that a printed variance is the square of the printed standard deviation."""

    def ask(reading: Reading) -> Check:
        root = std_dev.range(reading)
        squares = Range(max(root.low, 0.0) ** 2, max(root.high, 0.0) ** 2)
        said = f"variance {variance.text} and standard deviation {std_dev.text}"
        if root.high < 0.0 or squares.meet(variance.range(reading)).empty:
            return Check(
                code=CODE,
                verdict="contradiction",
                sentence=f"{said} do not belong together: the square lies in "
                f"{squares.low:.6g} to {squares.high:.6g}.",
                evidence=({"square_low": squares.low, "square_high": squares.high},),
            )
        return Check(code=CODE, verdict="consistent", sentence=f"{said} belong together.")

    return first_possible(ask)
