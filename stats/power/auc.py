"""Power and sample size for one AUC and for the difference of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from stats.power.design import AucDesign
from stats.power.variance import PilotComponents, check_auc
from stats.results import NAN, joined_notes

FEW = 10  # images of a class below which the normal approximation is not to be planned on
_MOST = 1e12  # images beyond which no plan is made
_STEPS = 201  # AUCs tried between the reference and 1 before the solver refines


@dataclass(frozen=True, slots=True, kw_only=True)
class AucPowerResult:
    """One plan: numbers of images, AUC and power that belong together, unrounded.

    Attributes
    ----------
    solved : "images", "power" or "auc", what was worked out from the other two
    n_positive, n_negative : images (per model in an unpaired design)
    n_positive_exact : the solution before rounding up to whole images; NaN where the numbers were given
    power : at these numbers, the chance to reject H0 in the right direction;  power_wanted : NaN if none
    std_error_null, std_error : of the estimated difference under H0 and under the alternative
    """

    solved: str
    design: str
    reference: float
    auc: float
    difference: float
    margin: float
    correlation: float
    n_positive: int
    n_negative: int
    n_positive_exact: float
    power: float
    power_wanted: float
    alpha: float
    alternative: str
    std_error_null: float
    std_error: float
    design_effect: float
    method: str
    note: str | None


def auc_power(design: AucDesign, auc: float, *, n_positive: int, n_negative: int) -> AucPowerResult:
    """Return the power to tell `auc` from the reference with given numbers of images.

    Raises
    ------
    ValueError : an AUC outside [0.5, 1) or without distance from H0; fewer than 2 images of a class

    Notes
    -----
    power = Phi((|distance| - z_alpha SE0) / SE1). The other tail of a two-sided test is not counted: a
    rejection in the wrong direction is no success (as pROC; R's power.t.test with strict = FALSE).
    Power at the size and the difference of a finished study only restates its p-value.
    """
    _check_images(n_positive, n_negative)
    _distance(design, auc)
    return _result(design, auc, n_positive, n_negative, solved="power")


def auc_sample_size(design: AucDesign, auc: float, *, power: float = 0.8) -> AucPowerResult:
    """Return the smallest number of images with the wanted power, negatives = ratio * positives rounded up.

    Raises
    ------
    ValueError : an AUC outside [0.5, 1) or without distance from H0; power outside [0.5, 1); a difference
        that needs more than 1e12 images

    Notes
    -----
    With variances that fall as 1/n this is n = (z_alpha sqrt(V0) + z_beta sqrt(V1))^2 / distance^2.
    Sources: Obuchowski 1998 (SMMR 7:371); Obuchowski and McClish 1997 (Stat Med 16:1529); Hanley and McNeil
    1982, 1983 (Radiology 143:29, 148:839). Checked against pROC (tests/golden/comparisons_more.json).
    """
    _check_power(power)
    _distance(design, auc)

    def missing(positives: float) -> float:
        return _power(design, auc, positives, design.ratio * positives) - power

    least = 2.0 * max(1.0, 1.0 / design.ratio)
    most = least
    while missing(most) < 0.0:
        most *= 4.0
        if most > _MOST:
            raise ValueError("This difference needs more than 1e12 images; give a larger one.")
    exact = least if most == least else float(brentq(missing, least, most, xtol=1e-9, rtol=1e-14))
    n_positive = math.ceil(exact - 1e-7)
    n_negative = math.ceil(design.ratio * n_positive - 1e-7)
    return _result(design, auc, n_positive, n_negative, solved="images", exact=exact, wanted=power)


def detectable_auc(
    design: AucDesign, *, n_positive: int, n_negative: int, power: float = 0.8, above: bool = True
) -> AucPowerResult:
    """Return the AUC nearest to the reference that these images tell from it with the wanted power.

    Parameters
    ----------
    above : seek above the reference (a gain), else below it (a loss; not with a margin)

    Raises
    ------
    ValueError : fewer than 2 images of a class; power outside [0.5, 1)

    Notes
    -----
    Where even an AUC of 1 (or 0.5) is not detected, auc, difference and power are NaN and the note says so.
    """
    _check_images(n_positive, n_negative)
    _check_power(power)
    if design.margin and not above:
        raise ValueError("Non-inferiority has no loss to detect; leave `above` as it is.")
    start = design.reference - design.margin
    if design.components is None:
        start = max(start, 0.5)
    end = (1.0 - 1e-9) if above else 0.5

    def missing(auc: float) -> float:
        return _power(design, auc, n_positive, n_negative) - power

    near = start + (1e-9 if above else -1e-9)
    steps = np.linspace(near, end, _STEPS) if (near < end) is above else np.array([near])
    reached = [i for i, auc in enumerate(steps.tolist()) if missing(auc) >= 0.0][:1]
    if not reached:
        edge = "an AUC of 1" if above else "an AUC of 0.5"
        note = f"not even {edge} is told from the reference with this power"
        return _result(design, NAN, n_positive, n_negative, solved="auc", wanted=power, note=note)
    if reached[0] == 0:
        auc = near
    else:
        auc = float(brentq(missing, steps[reached[0] - 1], steps[reached[0]], xtol=1e-15, rtol=1e-14))
    return _result(design, auc, n_positive, n_negative, solved="auc", wanted=power)


def cluster_design_effect(images_per_patient: float, icc: float) -> float:
    """Return 1 + (m - 1) icc, the usual factor of variances for m images per patient (Kish 1965).

    Raises
    ------
    ValueError : fewer than 1 image per patient; icc outside [0, 1]

    Notes
    -----
    Rough for AUCs, where patients with images of both classes gain precision; a pilot with `group` gives
    the factor of the difference itself.
    """
    if not images_per_patient >= 1.0:
        raise ValueError(f"`images_per_patient` is {images_per_patient}; it must be 1 or more.")
    if not 0.0 <= icc <= 1.0:
        raise ValueError(f"`icc` is {icc}; it must lie from 0 to 1.")
    return 1.0 + (images_per_patient - 1.0) * icc


def _distance(design: AucDesign, auc: float) -> float:
    if design.components is None:
        check_auc("auc", auc)
    distance = auc - design.reference + design.margin
    if design.margin and distance <= 0.0:
        raise ValueError(
            f"The AUC {auc} lies at or below the reference {design.reference} minus the margin "
            f"{design.margin}: non-inferiority is not true there."
        )
    if distance == 0.0:
        raise ValueError(f"`auc` equals the reference {auc}; there is no difference to detect.")
    return distance


def _power(design: AucDesign, auc: float, n_positive: float, n_negative: float) -> float:
    null, alternative = design.variances(auc, n_positive, n_negative)
    distance = abs(auc - design.reference + design.margin)
    return float(ndtr((distance - _z(design) * math.sqrt(null)) / math.sqrt(alternative)))


def _z(design: AucDesign) -> float:
    return float(-ndtri(design.alpha / (2.0 if design.alternative == "two-sided" else 1.0)))


def _result(
    design: AucDesign,
    auc: float,
    n_positive: int,
    n_negative: int,
    *,
    solved: str,
    exact: float = NAN,
    wanted: float = NAN,
    note: str | None = None,
) -> AucPowerResult:
    known = auc == auc
    null, alternative = design.variances(auc, n_positive, n_negative) if known else (NAN, NAN)
    few = f"fewer than {FEW} images of a class: the normal approximation is rough"
    correlation = NAN if design.correlation is None else design.correlation
    if isinstance(design.components, PilotComponents):
        correlation = design.components.correlation
    return AucPowerResult(
        solved=solved,
        design=design.design,
        reference=design.reference,
        auc=auc,
        difference=auc - design.reference,
        margin=design.margin,
        correlation=correlation,
        n_positive=n_positive,
        n_negative=n_negative,
        n_positive_exact=exact,
        power=_power(design, auc, n_positive, n_negative) if known else NAN,
        power_wanted=wanted,
        alpha=design.alpha,
        alternative=design.alternative,
        std_error_null=math.sqrt(null),
        std_error=math.sqrt(alternative),
        design_effect=design.design_effect,
        method=design.method,
        note=joined_notes(note, few if min(n_positive, n_negative) < FEW else None),
    )


def _check_images(n_positive: int, n_negative: int) -> None:
    if min(n_positive, n_negative) < 2:
        raise ValueError(
            f"{n_positive} positive and {n_negative} negative images came; give at least 2 of each class."
        )


def _check_power(power: float) -> None:
    if not 0.5 <= power < 1.0:
        raise ValueError(f"`power` is {power}; it must lie from 0.5 to below 1, for example 0.8.")
