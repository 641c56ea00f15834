"""One printed value of the paper beside the same value computed anew, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

VERDICTS = ("equal", "within rounding", "optimiser", "not equal")
# Cells whose last printed digit depends on where an optimiser stops, with the units of that digit by which
# print and optimum differ. lme4's own optimisers disagree there: on the second model nloptwrap, bobyqa and
# Nelder-Mead give t 18.7740, 18.7757, 18.7757 (printed 18.777). Here is the optimum itself.
OPTIMISER_CELLS = {
    ("5", "Intercept", "p"): 2,
    ("11", "lrdecay", "variance"): 3,
    ("11", "lrdecay", "std. dev."): 1,
    ("11", "Scaled residuals", "median"): 1,
    ("12", "Intercept", "t"): 1,
    ("12", "Intercept", "p"): 2,
    ("12", "pretrain", "variance"): 1,
    ("12", "lrdecay", "variance"): 3,
    ("12", "lrdecay", "std. dev."): 2,
    ("12", "Scaled residuals", "q3"): 1,
}
_FAR = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A value computed anew.

    Attributes
    ----------
    value : number, or text for the levels of a factor
    source : what it was computed from
    low, high : range of `value` over all inputs that round to the printed ones; None where they are exact
    """

    value: float | str
    source: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedValue:
    """One printed value of the paper and the same value computed anew."""

    table: str
    row: str
    quantity: str
    printed: str
    computed: Computed

    @property
    def shown(self) -> str:
        """The computed value with the printed number's decimals."""
        value = self.computed.value
        if isinstance(value, str):
            return value
        if self.printed.startswith("<"):
            return self.printed if value < float(self.printed[1:]) else f"{value:.3g}"
        return f"{value:.{_decimals(self.printed)}f}"

    @property
    def units_off(self) -> int:
        """Distance from print in units of the last printed digit; 0 = every digit equal."""
        if self.shown == self.printed:
            return 0
        if isinstance(self.computed.value, str) or self.printed.startswith("<"):
            return _FAR
        return abs(int((Decimal(self.shown) - Decimal(self.printed)).scaleb(_decimals(self.printed))))

    @property
    def verdict(self) -> str:
        """One of VERDICTS.

        "equal" : every printed digit. "within rounding" : the inputs are printed numbers themselves, and some
        inputs that round to them give the printed value. "optimiser" : a last digit on which optimisers
        disagree.
        """
        if self.units_off == 0:
            return "equal"
        if self.computed.low is not None and self.computed.high is not None:
            half = 0.5 * 10.0 ** -_decimals(self.printed)
            if self.computed.low - half <= float(self.printed) <= self.computed.high + half:
                return "within rounding"
        allowed = OPTIMISER_CELLS.get((self.table, self.row, self.quantity), 0)
        return "optimiser" if self.units_off <= allowed else "not equal"


def _decimals(printed: str) -> int:
    return len(printed.partition(".")[2])
