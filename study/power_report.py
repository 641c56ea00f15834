"""What `study power` answers: images needed, power, or the smallest difference that can be detected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from stats.power.auc import AucPowerResult, auc_power, auc_sample_size, detectable_auc
from stats.power.design import AucDesign
from stats.power.mcnemar import mcnemar_power, mcnemar_sample_size
from stats.power.variance import VARIANCES, PilotComponents, pilot_components
from study.single_tests.table_file import read_user_table
from study.single_tests.user_table import (
    binary_labels,
    check_classes,
    check_columns,
    check_roles,
    level_column,
    listed,
    number_column,
)

OBSERVED = (
    "the AUCs of the pilot are taken as true; power at the pilot's own size and difference only restates its "
    "p-value, so state the smallest AUC that matters with --auc"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerQuestion:
    """What the user gave; what is None is worked out, or has a default, or was not asked.

    `auc` : expected AUC (of the new model);  `reference` : AUC of the reference model;  `null_auc` : fixed
    AUC to exceed, for one model;  `n_positive`, `n_negative` : images, or None to ask how many are needed;
    `discordant`, `images`, `variant` : McNemar's test instead of AUCs.
    """

    auc: float | None = None
    reference: float | None = None
    null_auc: float | None = None
    correlation: float | None = None
    unpaired: bool = False
    n_positive: int | None = None
    n_negative: int | None = None
    ratio: float | None = None
    power: float | None = None
    alpha: float = 0.05
    one_sided: bool = False
    margin: float = 0.0
    variance: str | None = None
    null_variance: str | None = None
    design_effect: float = 1.0
    discordant: str | None = None
    images: int | None = None
    variant: str | None = None

    def options(self) -> dict[str, Any]:
        """Return what every design takes over."""
        return {
            "alpha": self.alpha,
            "alternative": "one-sided" if self.one_sided else "two-sided",
            "margin": self.margin,
            "null_variance": self.null_variance,
            "design_effect": self.design_effect,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotColumns:
    """Where the scores of a pilot stand; `scores` = "REFERENCE,NEW" or one column."""

    file: Path | None = None
    label: str | None = None
    scores: str | None = None
    positive: str | None = None
    group: str | None = None


def power_report(question: PowerQuestion, columns: PilotColumns) -> dict[str, Any]:
    """Answer a question; keys: test, plan, loss (detectable loss), by_variance, pilot, notes.

    Raises
    ------
    ValueError : options that contradict one another or have no effect; what the plan does not allow
    OSError : no such pilot file
    """
    if question.discordant is not None:
        return _mcnemar_report(question, columns)
    if question.images is not None or question.variant is not None:
        raise ValueError("--images and --variant belong to --discordant; AUCs take --positives, --negatives.")
    _check_numbers(question)
    if columns.file is not None:
        return _pilot_report(question, columns)
    given = [f"--{name}" for name in ("label", "scores", "positive", "group") if getattr(columns, name)]
    if given:
        raise ValueError(f"{', '.join(given)} came without --file; give the table of scores.")
    return _formula_report(question)


def _formula_report(question: PowerQuestion) -> dict[str, Any]:
    reference = question.null_auc if question.reference is None else question.reference
    if reference is None or (question.reference is not None and question.null_auc is not None):
        raise ValueError(
            "Give --reference (AUC of the other model) to compare two models, or --null-auc for one model "
            "against a fixed AUC."
        )
    one = question.reference is None
    if one and question.unpaired:
        raise ValueError("--unpaired belongs to two models; leave it out with --null-auc.")
    design = AucDesign(
        reference=reference,
        design="one" if one else ("unpaired" if question.unpaired else "paired"),
        correlation=question.correlation,
        ratio=1.0 if question.ratio is None else question.ratio,
        variance=question.variance or "obuchowski",
        **question.options(),
    )
    report = _answers(design, question, question.auc)
    for name in VARIANCES:
        other = _answers(replace(design, variance=name), question, question.auc)
        row = {key: other["plan"][key] for key in ("n_positive", "n_negative", "auc", "power")}
        if other["loss"] is not None:
            row["auc_loss"] = other["loss"]["auc"]
        report["by_variance"].append({"variance": name, **row})
    return report


def _pilot_report(question: PowerQuestion, columns: PilotColumns) -> dict[str, Any]:
    _refuse(
        question,
        ("reference", "correlation", "unpaired", "variance", "design_effect"),
        "come from the file (patients by --group)",
    )
    if columns.file is None or columns.label is None or columns.scores is None:
        raise ValueError("--file needs --label (true labels) and --scores REFERENCE,NEW (or one column).")
    scores = listed("--scores", columns.scores)
    if len(scores) > 2 or (len(scores) == 1) != (question.null_auc is not None):
        raise ValueError(
            "--scores takes two columns, REFERENCE,NEW, or one with --null-auc, the fixed AUC to exceed."
        )
    frame = read_user_table(columns.file)
    check_columns(frame, [columns.label, *scores, *([columns.group] if columns.group else [])])
    check_roles({"label": [columns.label], "score": scores, "patient": [columns.group]})
    labels = binary_labels(frame, columns.label, columns.positive)
    check_classes(labels, columns.label)
    groups = level_column(frame, columns.group) if columns.group else None
    pilot = pilot_components(labels.positive, *(number_column(frame, name) for name in scores), group=groups)
    design = AucDesign(
        reference=float(pilot.auc[0]) if question.null_auc is None else question.null_auc,
        design="one" if len(scores) == 1 else "paired",
        components=pilot,
        ratio=pilot.n_negative / pilot.n_positive if question.ratio is None else question.ratio,
        **question.options(),
    )
    observed = question.auc is None and question.n_positive is None
    report = _answers(design, question, float(pilot.auc[-1]) if observed else question.auc)
    report["pilot"] = _pilot_dict(pilot, scores, labels.level)
    if observed:
        report["notes"].append(OBSERVED)
    return report


def _mcnemar_report(question: PowerQuestion, columns: PilotColumns) -> dict[str, Any]:
    kept = ("discordant", "images", "variant", "power", "alpha", "design_effect")
    _refuse(
        question, [f.name for f in fields(question) if f.name not in kept], "have no effect on --discordant"
    )
    if columns != PilotColumns():
        raise ValueError("--discordant takes two shares and no pilot file; leave --file and its columns out.")
    parts = str(question.discordant).split(",")
    try:
        only_a, only_b = (float(part) for part in parts)
    except ValueError:
        raise ValueError(
            f"--discordant is {question.discordant!r}; give two shares from 0 to 1, for example 0.10,0.05."
        ) from None
    options: dict[str, Any] = {"alpha": question.alpha, "design_effect": question.design_effect}
    options["variant"] = question.variant or "mid_p"
    if question.images is None:
        fit = mcnemar_sample_size(only_a, only_b, power=_wanted(question), **options)
    elif question.power is not None:
        raise ValueError("--images and --power leave nothing to work out; leave one of them out.")
    else:
        fit = mcnemar_power(only_a, only_b, n=question.images, **options)
    plan = asdict(fit)
    note = plan.pop("note")
    notes = [note] if note else []
    return {"test": "mcnemar", "plan": plan, "loss": None, "by_variance": [], "pilot": None, "notes": notes}


def _check_numbers(question: PowerQuestion) -> None:
    given = question.n_positive is not None
    if given != (question.n_negative is not None):
        raise ValueError("Give both --positives and --negatives, or neither to ask how many are needed.")
    if given and question.ratio is not None:
        raise ValueError("--ratio has no effect beside --positives and --negatives; leave it out.")
    if given and question.auc is not None and question.power is not None:
        raise ValueError("--auc, --power and numbers of images leave nothing to work out; leave one out.")


def _refuse(question: PowerQuestion, names: Sequence[str], reason: str) -> None:
    """Raise ValueError naming the options among `names` that were given."""
    default = PowerQuestion()
    options = {"n_positive": "positives", "n_negative": "negatives"}
    given = [name for name in names if getattr(question, name) != getattr(default, name)]
    if given:
        listed_options = ", ".join("--" + options.get(name, name).replace("_", "-") for name in given)
        raise ValueError(f"{listed_options}: such options {reason}; leave them out.")


def _wanted(question: PowerQuestion) -> float:
    return 0.8 if question.power is None else question.power


def _answers(design: AucDesign, question: PowerQuestion, auc: float | None) -> dict[str, Any]:
    m, n, power = question.n_positive, question.n_negative, _wanted(question)
    loss: AucPowerResult | None = None
    if m is None or n is None:
        if auc is None:
            raise ValueError(
                "Give --auc, the AUC that is expected, or --positives and --negatives to ask which "
                "difference they can detect."
            )
        plan = auc_sample_size(design, auc, power=power)
    elif auc is not None:
        plan = auc_power(design, auc, n_positive=m, n_negative=n)
    else:
        plan = detectable_auc(design, n_positive=m, n_negative=n, power=power)
        if not design.margin:
            loss = detectable_auc(design, n_positive=m, n_negative=n, power=power, above=False)
    notes = [f.note for f in (plan, loss) if f is not None and f.note]
    if not isinstance(design.components, PilotComponents) and design.null_variance_used == "reference":
        notes.append(
            "DeLong's test takes its variance from the data, not from H0: --null-variance alternative plans "
            "for it"
        )
    return {
        "test": "auc",
        "plan": _plan(plan),
        "loss": None if loss is None else _plan(loss),
        "by_variance": [],
        "pilot": None,
        "notes": list(dict.fromkeys(notes)),
    }


def _plan(fit: AucPowerResult) -> dict[str, Any]:
    plan = asdict(fit)
    del plan["note"]
    models = 2 if fit.design == "unpaired" else 1
    return {**plan, "n_images": models * (fit.n_positive + fit.n_negative)}


def _pilot_dict(pilot: PilotComponents, scores: Sequence[str], positive: str) -> dict[str, Any]:
    return {
        "models": [{"name": name, "auc": float(auc)} for name, auc in zip(scores, pilot.auc, strict=True)],
        "positive": positive,
        "n_positive": pilot.n_positive,
        "n_negative": pilot.n_negative,
        "n_groups": pilot.n_groups,
        "correlation": pilot.correlation,
        "design_effect": pilot.design_effect,
    }
