"""Linear mixed models with crossed and nested random effects: fit, inference, contrasts."""

from stats.lmm.fit import LmmFit, RandomCovariance, fit_lmm
from stats.lmm.formula import LmmFormula, parse_formula

__all__ = ["LmmFit", "LmmFormula", "RandomCovariance", "fit_lmm", "parse_formula"]
