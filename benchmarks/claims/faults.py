"""Contradictions to plant: one figure of an honest paper is changed by more than rounding can explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

from benchmarks.claims.papers import Paper, printed
from stats.claims.auc_variance import largest_std_error


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of contradiction: `plant` changes the paper; found where a finding of `codes` is an error."""

    name: str
    codes: tuple[str, ...]
    plant: Callable[[Paper, np.random.Generator], None]


def _duality(paper: Paper, rng: np.random.Generator) -> None:
    center, width = float(rng.uniform(0.0, 0.03)), float(rng.uniform(0.035, 0.08))
    paper["comparisons"] = [
        {
            "name": "a - b",
            "test": "delong",
            "estimate": printed(center, 3),
            "interval": [printed(center - width, 3), printed(center + width, 3)],
            "p": str(rng.choice(["<0.001", "0.004", "0.012"])),
        }
    ]


def _test_figures(paper: Paper, rng: np.random.Generator) -> None:
    z = float(rng.uniform(1.0, 3.0))
    p = 2.0 * float(distributions.norm.sf(z + float(rng.choice([-0.5, 0.5]))))
    paper["comparisons"] = [{"name": "a - b", "test": "delong", "z": printed(z, 2), "p": printed(p, 4)}]


def _comparison_of_other_aucs(paper: Paper, rng: np.random.Generator) -> None:
    a, b = (float(model["auc"]) for model in paper["models"])
    center = a - b + float(rng.choice([-0.1, 0.1]))
    interval = [printed(center - 0.02, 3), printed(center + 0.02, 3)]
    paper["comparisons"] = [
        {"name": "a - b", "model_a": "a", "model_b": "b", "test": "delong", "interval": interval}
    ]


def _auc_step(paper: Paper, rng: np.random.Generator) -> None:
    sample, model = paper["samples"]["test"], paper["models"][0]
    pairs = sample["positive"] * sample["negative"]
    whole = round(float(model["auc"]) * pairs)
    value = (min(max(whole, 1), pairs - 1) + 0.25) / pairs
    for name in ("auc_std_error", "auc_interval"):
        del model[name]
    model["auc"] = printed(value, len(str(pairs)) + 1)
    paper["comparisons"] = []


def _share_step(paper: Paper, rng: np.random.Generator) -> None:
    n, model = paper["samples"]["test"]["n"], paper["models"][0]
    model["accuracy"] = printed((int(rng.integers(n // 2, n)) + 0.5) / n, len(str(n)) + 1)
    paper["mcnemar"] = []


def _confusion(paper: Paper, rng: np.random.Generator) -> None:
    model = paper["models"][0]
    rates = sorted((float(model["sensitivity"]), float(model["specificity"])))
    sizes = paper["samples"]["test"]
    # Accuracy is a mean of sensitivity and specificity; here it is a share of n outside of them.
    below = rates[1] + 0.05 > 1.0
    target = rates[0] - 0.05 if below else rates[1] + 0.05
    model["accuracy"] = printed(round(max(target, 0.0) * sizes["n"]) / sizes["n"], 3)
    paper["mcnemar"] = []


def _auc_se(paper: Paper, rng: np.random.Generator) -> None:
    sample, model = paper["samples"]["test"], paper["models"][0]
    auc = min(max(float(model["auc"]), 0.6), 0.95)
    largest = largest_std_error(auc, n_positive=sample["positive"], n_negative=sample["negative"])
    model |= {"auc": printed(auc, 2), "auc_std_error": printed(largest * rng.uniform(1.3, 2.0), 4)}
    del model["auc_interval"]
    sample.pop("ties", None)
    paper["comparisons"] = []


def _mcnemar(paper: Paper, rng: np.random.Generator) -> None:
    statistic = float(rng.uniform(1.0, 8.0))
    p = float(distributions.chi2.sf(statistic + float(rng.choice([-0.8, 1.5])), 1))
    paper["mcnemar"] = [
        {
            "name": "a and b",
            "model_a": "a",
            "model_b": "b",
            "statistic": printed(statistic, 2),
            "p": printed(p, 4),
            "variant": str(rng.choice(["chi2", "chi2_corrected"])),
        }
    ]


def _wilcoxon(paper: Paper, rng: np.random.Generator) -> None:
    claim = paper["wilcoxon"][0]
    n_a, n_b = claim["n_a"], claim["n_b"]
    z = float(rng.uniform(1.5, 3.0))
    w = n_a * n_b / 2.0 + z * (n_a * n_b * (n_a + n_b + 1) / 12.0) ** 0.5
    claim |= {
        "w": f"{min(round(w), n_a * n_b)}",
        "p": printed(2.0 * float(distributions.norm.sf(z - 0.8)), 3),
    }
    claim["alternative"] = "two-sided"


def _wilcoxon_w(paper: Paper, rng: np.random.Generator) -> None:
    claim = paper["wilcoxon"][0]
    claim["w"] = str(claim["n_a"] * claim["n_b"] + int(rng.integers(2, 200)))


def _coefficient(paper: Paper, rng: np.random.Generator) -> None:
    estimate, ratio = float(rng.uniform(0.02, 0.2)), float(rng.uniform(1.0, 4.0))
    paper["coefficients"] = [
        {
            "name": "term",
            "estimate": printed(estimate, 3),
            "std_error": printed(estimate / ratio * float(rng.choice([0.6, 1.6])), 4),
            "t": printed(ratio, 2),
        }
    ]


def _variance(paper: Paper, rng: np.random.Generator) -> None:
    claim = paper["variances"][0]
    claim |= {"variance": f"{float(claim['std_dev']) ** 2 * rng.choice([0.7, 1.5]):.3g}"}
    claim["std_dev"] = f"{float(claim['std_dev']):.3g}"


def _total(paper: Paper, rng: np.random.Generator) -> None:
    paper["totals"][0]["total"] += int(rng.choice([-7, -1, 1, 10]))


FAULTS = (
    Fault("interval contains 0, p rejects", ("duality",), _duality),
    Fault("statistic and p", ("test-figures",), _test_figures),
    Fault("interval of another difference", ("test-figures",), _comparison_of_other_aucs),
    Fault("AUC between two counts", ("auc-step",), _auc_step),
    Fault("accuracy between two counts", ("share-step",), _share_step),
    Fault("accuracy outside sensitivity and specificity", ("confusion",), _confusion),
    Fault("standard error too large", ("auc-se",), _auc_se),
    Fault("McNemar statistic and p", ("mcnemar",), _mcnemar),
    Fault("W and p", ("wilcoxon",), _wilcoxon),
    Fault("W too large", ("wilcoxon-w",), _wilcoxon_w),
    Fault("estimate, standard error and t", ("test-figures",), _coefficient),
    Fault("variance and standard deviation", ("variance",), _variance),
    Fault("parts and total", ("total",), _total),
)
