"""What `study test` prints without --json: the same report as tables for a reader."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from study.rich_tables import interval, number, p_text, print_table
from study.single_tests.printed_lmm import print_lmm


def print_report(console: Console, test: str, report: dict[str, Any]) -> None:
    """Print the report of one test (see study/single_tests/) as tables and notes."""
    shown = {
        "delong": _delong,
        "mcnemar": _mcnemar,
        "cochran": _cochran,
        "wilcoxon": _wilcoxon,
        "lmm": print_lmm,
    }
    shown[test](console, report)
    for note in report.get("notes") or report.get("warnings") or []:
        console.print(f"Note: {note.rstrip('.')}.", style="yellow")


def _delong(console: Console, report: dict[str, Any]) -> None:
    groups = "" if report["n_groups"] is None else f", {report['n_groups']} groups"
    console.print(
        f"{report['method']}: {report['n_positive']} positive ({report['positive']}), "
        f"{report['n_negative']} negative{groups}",
    )
    level = f"{100 * report['conf_level']:g}% interval"
    models = [
        (m["name"], number(m["auc"]), number(m["std_error"]), interval(m["conf_low"], m["conf_high"]))
        for m in report["models"]
    ]
    print_table(console, "Models", ("model", "AUC", "SE", level), models)
    rows = [
        (
            f"{c['model_a']} - {c['model_b']}",
            number(c["difference"]),
            interval(c["conf_low"], c["conf_high"]),
            number(c["statistic"]),
            p_text(c["p_value"]),
            p_text(c["p_adjusted"]),
        )
        for c in report["comparisons"]
    ]
    if rows:
        statistic = "t" if "Welch" in report["method"] else "z"
        columns = ("comparison", "difference", level, statistic, "p", f"p ({report['adjust']})")
        print_table(console, "Comparisons", columns, rows)
        overall = report["global"]
        console.print(
            f"All AUCs equal: chi-square {number(overall['statistic'])}, df {overall['df']}, "
            f"p {p_text(overall['p_value'])}",
        )


def _mcnemar(console: Console, report: dict[str, Any]) -> None:
    a, b = report["model_a"], report["model_b"]
    counts = [
        ("both right", str(report["both_correct"])),
        (f"only {a} right", str(report["only_a"])),
        (f"only {b} right", str(report["only_b"])),
        ("both wrong", str(report["both_wrong"])),
    ]
    print_table(console, f"McNemar: {a} - {b}, {report['n']} rows", ("", "rows"), counts)
    rows = [
        (name, number(report[key].get("statistic")), p_text(report[key]["p_value"]))
        for key, name in (
            ("chi2_corrected", "chi-square, continuity correction"),
            ("chi2", "chi-square"),
            ("exact", "exact binomial"),
            ("mid_p", "mid-p"),
        )
    ]
    clustered = report.get("clustered")
    if clustered:
        rows += [
            (name, number(clustered[key].get("statistic")), p_text(clustered[key]["p_value"]))
            for key, name in (
                ("obuchowski", "clustered, Obuchowski"),
                ("durkalski", "clustered, Durkalski"),
                ("permutation", "clustered, permutation of patients"),
            )
        ]
    print_table(console, "Tests", ("variant", "statistic", "p"), rows)
    if clustered:
        console.print(
            f"{clustered['n_groups']} patients, {clustered['n_discordant_groups']} of them discordant; "
            f"accuracy {a} - {b}: {number(clustered['difference'])} "
            f"({interval(clustered['conf_low'], clustered['conf_high'])}; clustered), "
            f"design effect {number(clustered['design_effect'])}"
        )
    console.print(
        f"Accuracy {a} - {b}: {number(report['difference'])} "
        f"({interval(report['conf_low'], report['conf_high'])}; {report['conf_method']}); "
        f"odds ratio {number(report['odds_ratio'])} "
        f"({interval(report['odds_ratio_conf_low'], report['odds_ratio_conf_high'])})",
    )


def _cochran(console: Console, report: dict[str, Any]) -> None:
    counts = [(m["name"], str(m["correct"]), number(m["accuracy"])) for m in report["models"]]
    title = f"Cochran: {report['n']} rows, {report['n_informative']} on which the models differ"
    print_table(console, title, ("model", "right", "accuracy"), counts)
    console.print(
        f"All accuracies equal: Q {number(report['Q'])}, df {report['df']}, p {p_text(report['p_value'])}; "
        f"p {p_text(report['permutation']['p_value'])} ({report['method']})",
    )
    rows = [
        (
            f"{c['model_a']} - {c['model_b']}",
            f"{c['only_a']} / {c['only_b']}",
            number(c["difference"]),
            interval(c["conf_low"], c["conf_high"]),
            p_text(c["p_value"]),
            p_text(c["p_adjusted"]),
        )
        for c in report["comparisons"]
    ]
    level = f"{100 * report['conf_level']:g}% interval"
    columns = ("comparison", "only a / b", "difference", level, "p (mid-p)", f"p ({report['adjust']})")
    print_table(console, "McNemar for every pair", columns, rows)


def _wilcoxon(console: Console, report: dict[str, Any]) -> None:
    letter = "W" if "W" in report else "V"
    a, b = report["levels"]
    rows = [
        (level, str(n), number(median))
        for level, n, median in zip(report["levels"], report["n"], report["medians"], strict=True)
    ]
    print_table(console, report["method"], ("level", "n", "median"), rows)
    console.print(
        f"{letter} = {number(report[letter], 1)} (first level {a}), p {p_text(report['p_value'])}; "
        f"shift {a} - {b} (Hodges-Lehmann): {number(report['hodges_lehmann'])} "
        f"({interval(report['conf_low'], report['conf_high'])})",
    )
    flips = report.get("permutation")
    if flips is not None:
        console.print(
            f"mean {a} - {b}: {number(flips['mean_difference'])} "
            f"({interval(flips['conf_low'], flips['conf_high'])}), p {p_text(flips['p_value'])} "
            f"({flips['method']}); exact p of V given its ties {p_text(flips['p_value_rank'])}",
        )
