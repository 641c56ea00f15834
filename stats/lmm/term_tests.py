"""The tests of all terms of a mixed model in one table."""

from __future__ import annotations

import pandas as pd

from stats.lmm.anova import anova
from stats.lmm.fit import LmmFit
from stats.lmm.lrt import ranova

TERM_TEST_COLUMNS = ("part", "term", "statistic", "df1", "df2", "p_value", "method")


def term_tests(fit: LmmFit, *, df: str = "satterthwaite") -> pd.DataFrame:
    """Return F tests of the fixed terms, then likelihood-ratio tests of the random ones.

    Parameters
    ----------
    df : as in `anova`

    Returns
    -------
    frame with TERM_TEST_COLUMNS; `part` is "fixed" or "random"; `df2` is NaN for a random term
    """
    fixed = anova(fit, df=df).assign(part="fixed", method=f"F, type III, {df}")
    random = ranova(fit).rename(columns={"df": "df1"})
    random = random.assign(part="random", df2=float("nan"), method="likelihood ratio, conservative")
    parts = [part[list(TERM_TEST_COLUMNS)] for part in (fixed, random) if len(part)]
    return pd.concat(parts, ignore_index=True)
