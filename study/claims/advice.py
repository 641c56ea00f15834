"""Why each kind of contradiction matters, with sources, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What a finding of one code says beside its own sentence."""

    why: str
    do: str
    sources: tuple[str, ...] = ()


_RECOMPUTE = "Ask for the figure from the predictions, or correct the misprint."

ADVICE: dict[str, Advice] = {
    "auc-step": Advice(
        "An AUC is the share of pairs of a positive and a negative image that are in order, ties one half.",
        "Check the class sizes and whether the AUC is a mean over folds (`averaged = true`). " + _RECOMPUTE,
        ("brown2017",),
    ),
    "share-step": Advice(
        "A share of n images is a whole number out of n.",
        "Check n and whether the figure is a mean over folds (`averaged = true`). " + _RECOMPUTE,
        ("brown2017",),
    ),
    "confusion": Advice(
        "All rates at one threshold come from one table of four counts.",
        "Check the class sizes, which class is positive, and which F1 is meant. " + _RECOMPUTE,
        ("brown2017",),
    ),
    "auc-se": Advice(
        "AUC and class sizes bound the standard error, whatever the scores are.",
        "Check whether it is a standard deviation over folds or seeds, or of another sample.",
        ("delong1988", "birnbaum1957"),
    ),
    "test-figures": Advice(
        "Estimate, standard error, statistic, p-value and interval are functions of two numbers.",
        "Find the figure that does not come from the stated method. " + _RECOMPUTE,
        ("lehmann2005",),
    ),
    "duality": Advice(
        "A test at level a and the 1 - a interval of the same method give the same answer.",
        "Report test and interval of one method, and say which; then read the conclusion again.",
        ("lehmann2005",),
    ),
    "interval": Advice(
        "An interval holds its own estimate.",
        "Check whether estimate and interval speak of the same figure.",
    ),
    "mcnemar": Advice(
        "McNemar's test depends on two counts alone, which the accuracies bound.",
        "Report the four counts of the paired table.",
        ("fagerland2013",),
    ),
    "wilcoxon-w": Advice("W counts pairs (or sums ranks), of which there are so many.", _RECOMPUTE),
    "wilcoxon": Advice(
        "The p-value of Wilcoxon's test is a function of W, the group sizes and the ties.",
        "State the form (exact, corrected), the ties and the alternative. " + _RECOMPUTE,
    ),
    "variance": Advice("A standard deviation is the root of its variance.", _RECOMPUTE),
    "total": Advice(
        "Images that are missing or counted twice change every figure computed from them.",
        "Give a flow of images from the data set to the analysis.",
    ),
    "multiplicity": Advice(
        "Among many tests some p-values are small by chance.",
        "Adjust within the family (Holm), or say which comparison was planned as the main one.",
        ("holm1979",),
    ),
}

SOURCES: dict[str, str] = {
    "birnbaum1957": "Birnbaum & Klose 1957, Ann Math Stat 28:933 (bounds of the variance of the Mann-Whitney "
    "statistic)",
    "brown2017": "Brown & Heathers 2017, Soc Psychol Personal Sci 8:363 (the GRIM test)",
    "delong1988": "DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837",
    "fagerland2013": "Fagerland, Lydersen & Laake 2013, BMC Med Res Methodol 13:91",
    "holm1979": "Holm 1979, Scand J Stat 6:65",
    "lehmann2005": "Lehmann & Romano 2005, Testing Statistical Hypotheses, section 3.5",
}
