"""Checks of the figures of one model: AUC, standard error, interval, rates at a threshold."""

from __future__ import annotations

from stats.claims.auc_variance import auc_spread, spread_check
from stats.claims.check import Check, not_run
from stats.claims.confusion import (
    METRICS,
    MOST_TABLES,
    Table,
    consistent_tables,
    printed_table_check,
    table_check,
)
from stats.claims.granularity import auc_check, share_check
from stats.claims.logit_interval import logit_interval_check
from stats.claims.printed import Printed, Range
from stats.claims.wald import WaldFigures, wald_check
from study.claims.schema import ModelClaim, SampleClaim

_AVERAGED = "The figures are means over folds or seeds."
_SIZES = "The numbers of positive and negative images are not given."
_CLUSTERED = "Standard errors of several images per patient have no bound by the number of images."
# Metrics that are shares of all, of the positive and of the negative images.
_SHARES = {"accuracy": 0, "sensitivity": 1, "specificity": 2}


def metrics_of(model: ModelClaim) -> dict[str, Printed]:
    """Return the printed metrics at a threshold, by name of METRICS."""
    return {name: figure for name in METRICS if (figure := getattr(model, name)) is not None}


def possible_tables(model: ModelClaim, sample: SampleClaim) -> list[Table]:
    """Return all (true positives, true negatives) that the figures allow, [] where nothing is known."""
    _, positive, negative = sample.sizes
    if model.confusion is not None:
        return [(model.confusion.tp, model.confusion.tn)]
    printed = metrics_of(model)
    if not printed or model.averaged or positive is None or negative is None:
        return []
    if (positive + 1) * (negative + 1) > MOST_TABLES:
        return []
    return consistent_tables(printed, n_positive=positive, n_negative=negative)


def model_checks(model: ModelClaim, sample: SampleClaim) -> list[Check]:
    """Return the checks of one model."""
    checks = _threshold_checks(model, sample)
    if model.auc is not None:
        checks = [_auc_step(model, sample, model.auc), *_uncertainty(model, sample, model.auc), *checks]
    elif model.auc_interval is not None or model.auc_std_error is not None:
        checks = [not_run("auc-se", "The AUC itself is not given."), *checks]
    return [check.at(_place(model)) for check in checks]


def _place(model: ModelClaim) -> str:
    return f"{model.name} ({model.where})" if model.where else model.name


def _auc_step(model: ModelClaim, sample: SampleClaim, auc: Printed) -> Check:
    _, positive, negative = sample.sizes
    if model.averaged:
        return not_run("auc-step", _AVERAGED)
    if not positive or not negative:
        return not_run("auc-step", _SIZES)
    return auc_check(auc, n_positive=positive, n_negative=negative, ties=sample.ties)


def _threshold_checks(model: ModelClaim, sample: SampleClaim) -> list[Check]:
    printed = metrics_of(model)
    sizes = sample.sizes
    if model.confusion is not None:
        table = model.confusion.model_dump()
        return [printed_table_check(table, printed, n_positive=sizes[1], n_negative=sizes[2])]
    if not printed:
        return []
    if model.averaged:
        return [not_run("confusion", _AVERAGED)]
    checks = []
    for name, which in _SHARES.items():
        of = sizes[which]
        if name in printed and of:
            checks.append(share_check(printed[name], n=of, what=name))
        elif name in printed:
            checks.append(
                not_run("share-step", f"{name}: the number of images that it is a share of is not given.")
            )
    if any(check.verdict == "contradiction" for check in checks):
        return [*checks, not_run("confusion", "A share is impossible on its own.")]
    if not sizes[1] or not sizes[2]:
        return [*checks, not_run("confusion", _SIZES)]
    return [*checks, table_check(printed, n_positive=sizes[1], n_negative=sizes[2])]


def _uncertainty(model: ModelClaim, sample: SampleClaim, auc: Printed) -> list[Check]:
    checks: list[Check] = []
    if model.auc_std_error is None and model.auc_interval is None:
        return checks
    allowed, why_not = _allowed_spread(model, sample, auc)
    if model.auc_std_error is not None:
        checks.append(
            not_run("auc-se", why_not) if why_not else _spread_check(model, sample, auc, model.auc_std_error)
        )
    if model.auc_interval is not None:
        checks.append(_interval_check(model, auc, model.auc_interval, allowed))
    return checks


def _allowed_spread(model: ModelClaim, sample: SampleClaim, auc: Printed) -> tuple[Range | None, str]:
    """Return the possible standard errors, or None and why they are not known."""
    _, positive, negative = sample.sizes
    if model.method is None or model.method == "other":
        return None, "The method of the standard error is not stated (`method`)."
    if model.averaged:
        return None, _AVERAGED
    if sample.clustered:
        return None, _CLUSTERED
    if positive is None or negative is None or min(positive, negative) < 2:
        return None, _SIZES
    return (
        auc_spread(
            auc.range(),
            n_positive=positive,
            n_negative=negative,
            method=_spread_method(model),
            ties=sample.ties,
        ),
        "",
    )


def _spread_method(model: ModelClaim) -> str:
    # Logit intervals are built on any variance, so that only the upper bound holds.
    return model.method if model.method in ("delong", "hanley-mcneil") else "bootstrap"


def _spread_check(model: ModelClaim, sample: SampleClaim, auc: Printed, std_error: Printed) -> Check:
    _, positive, negative = sample.sizes
    assert positive is not None
    assert negative is not None
    return spread_check(
        std_error,
        auc,
        n_positive=positive,
        n_negative=negative,
        method=_spread_method(model),
        ties=sample.ties,
    )


def _interval_check(
    model: ModelClaim, auc: Printed, interval: tuple[Printed, Printed], allowed: Range | None
) -> Check:
    low, high = interval
    if model.method == "logit" and allowed is not None:
        return logit_interval_check(auc, low, high, level=model.conf_level, allowed=allowed)
    if model.method not in ("delong", "hanley-mcneil"):
        return _inside_check(model, auc, low, high)
    figures = WaldFigures(
        estimate=auc,
        std_error=model.auc_std_error,
        low=low,
        high=high,
        level=model.conf_level,
        limits=(0.0, 1.0),
        null=0.5,
        known_spread=None
        if allowed is None
        else (
            "the standard error that AUC and class sizes allow",
            Range(allowed.low * (1 - 1e-6), allowed.high),
        ),
    )
    return wald_check(figures)


def _inside_check(model: ModelClaim, auc: Printed, low: Printed, high: Printed) -> Check:
    """Check that the AUC lies in its interval, which a method that is not symmetric need not keep to."""
    inside = low.range().low <= auc.range().high and auc.range().low <= high.range().high
    words = f"AUC {auc.text} lies {'in' if inside else 'outside'} its interval {low.text} to {high.text}"
    if inside and model.method is None:
        words += "; more cannot be said where its method is not stated"
    return Check(code="interval", verdict="consistent" if inside else "doubtful", sentence=f"{words}.")
