"""A printed number and the values that it can stand for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

_NUMBER = re.compile(
    r"(?P<bound><=|>=|<|>|≤|≥)?\s*(?P<sign>[+\-−–]?)(?P<digits>\d+(?:\.\d*)?|\.\d+)"
    r"(?:[eE](?P<power>[+\-−–]?\d+))?\s*(?P<percent>%?)"
)
_BOUNDS = {"<=": "<", "≤": "<", ">=": ">", "≥": ">"}
_LARGEST = 1e50  # products of a figure with numbers of images stay finite
_SLACK = 1e-9  # of the last digit: decimal fractions are not exact in float64

Reading = Literal["rounded", "rounded or cut off"]
READINGS: tuple[Reading, ...] = ("rounded", "rounded or cut off")


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers from `low` to `high`, both included; empty where low is above high."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2.0

    @property
    def empty(self) -> bool:
        return not self.low <= self.high

    def meet(self, other: Range) -> Range:
        """Return what lies in both."""
        return Range(max(self.low, other.low), min(self.high, other.high))

    def __sub__(self, other: Range) -> Range:
        return Range(self.low - other.high, self.high - other.low)


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as it stands in print.

    Attributes
    ----------
    text : as printed
    value : what the digits say, percent already divided by 100
    unit : one unit of the last printed digit
    bound : "<" or ">" where the print gives only a limit ("<0.001"), else ""
    """

    text: str
    value: float
    unit: float
    bound: str = ""

    def range(self, reading: Reading = "rounded") -> Range:
        """Return the values that print as this text.

        Half a unit of the last digit on either side, both ends included (half up and half to even are both in
        use); `reading` "rounded or cut off" adds the values whose further digits were dropped. A limit is
        taken as it stands, and open to the other side.
        """
        slack = _SLACK * self.unit
        if self.bound == "<":
            return Range(-math.inf, self.value + slack)
        if self.bound == ">":
            return Range(self.value - slack, math.inf)
        low = high = 0.5 * self.unit
        if reading != "rounded":
            low, high = (
                (low, self.unit) if not self.text.lstrip().startswith(("-", "−", "–")) else (self.unit, high)
            )
        return Range(self.value - low - slack, self.value + high + slack)


def parse_printed(text: str) -> Printed:
    """Read a number as it is printed: "0.950", "-3", "95.0%", "<0.001", "2e-16".

    Raises
    ------
    ValueError : the text is no number in this form, or none that a paper prints (1e50 and above)
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no printed number; write the digits as they stand, in quotes: "
            '"0.950", "91.0%", "<0.001"'
        )
    digits = found["digits"]
    power = int((found["power"] or "0").replace("−", "-").replace("–", "-"))
    power -= 2 if found["percent"] else 0
    decimals = len(digits.partition(".")[2])
    negative = found["sign"] in ("-", "−", "–")
    value = float(f"{'-' if negative else ''}{digits}e{power}")
    if abs(value) >= _LARGEST:
        raise ValueError(
            f"the number {text[:20]!r}… is too large for a printed figure; write it as it stands"
        )
    bound = found["bound"] or ""
    return Printed(text.strip(), value, float(f"1e{power - decimals}"), _BOUNDS.get(bound, bound))
