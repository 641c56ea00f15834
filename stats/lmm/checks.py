"""What a statistician would say about a fit: convergence, singularity, hardly identified variances."""

from __future__ import annotations

import numpy as np

from stats.lmm.fit import LmmFit

FEW_LEVELS = 5
FEW_DF = 4.0


def advice(fit: LmmFit, *, df: np.ndarray | None = None) -> list[str]:
    """Notes on the fit, one sentence each, the most serious first.

    Parameters
    ----------
    df : degrees of freedom of the fixed effects, to point out tests that rest on few
    """
    notes = []
    if not fit.converged:
        notes.append(
            f"The fit did not converge ({fit.optimiser.status} after {fit.optimiser.evaluations} "
            "evaluations): do not use its numbers."
        )
    if fit.singular:
        notes.append(
            f"Singular fit: {'; '.join(fit.boundary)}. A simpler random part would fit the data as well."
        )
    few = [(t.label, t.levels) for t in fit.random if t.levels < FEW_LEVELS]
    if few:
        named = ", ".join(f"'{label}' ({levels})" for label, levels in dict.fromkeys(few))
        notes.append(
            f"Fewer than {FEW_LEVELS} levels: {named}. The variance of such a factor is hardly identified; "
            "consider it as a fixed effect."
        )
    if df is not None:
        low = [f"'{name}' ({value:.1f})" for name, value in zip(fit.names, df, strict=True) if value < FEW_DF]
        if low:
            notes.append(
                f"Few degrees of freedom: {', '.join(low)}. Their tests and intervals rest on few levels."
            )
    if fit.design.aliased:
        notes.append(
            f"Left out because earlier columns determine them: {', '.join(fit.design.aliased)} "
            "(empty combinations of factors, or the same information twice)."
        )
    if fit.n_dropped:
        rows = "row was" if fit.n_dropped == 1 else "rows were"
        notes.append(f"{fit.n_dropped} {rows} dropped because of missing values; {fit.n} were used.")
    return notes
