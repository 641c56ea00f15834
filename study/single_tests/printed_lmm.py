"""What `study test lmm` prints without --json."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from stats.results import records
from study.rich_tables import interval, number, p_text, print_table

_TEST = ("estimate", "SE", "df", "t", "p")


def print_lmm(console: Console, report: dict[str, Any]) -> None:
    """Print fixed and random effects, then what was asked for beside them."""
    kind = "REML" if report["reml"] else "ML"
    console.print(
        f"{report['formula']}: {report['n']} rows, {kind} criterion {number(report['criterion'])}, "
        f"df by {report['df_method']}",
    )
    fixed = [(f["term"], *_test(f), interval(f["conf_low"], f["conf_high"])) for f in report["fixed"]]
    print_table(console, "Fixed effects", ("term", *_TEST, "interval"), fixed)
    random = [
        (r["group"], r["term"], number(r["variance"], 6), number(r["std_dev"], 5), number(r["correlation"]))
        for r in report["random"]
    ]
    residual = report["residual_variance"]
    random.append(("Residual", "", number(residual, 6), number(residual**0.5, 5), "-"))
    columns = ("group", "term", "variance", "std. dev.", "correlation")
    print_table(console, "Random effects", columns, random, texts=2)
    if "anova" in report:
        _details(console, report)
    if "contrasts" in report:
        _contrasts(console, report)
    if "intervals" in report:
        _intervals(console, report)


def _test(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        number(row["estimate"]),
        number(row["std_error"]),
        number(row["df"], 2),
        number(row["statistic"], 3),
        p_text(row["p_value"]),
    )


def _details(console: Console, report: dict[str, Any]) -> None:
    terms = [
        (r["term"], str(r["df1"]), number(r["df2"], 2), number(r["statistic"], 3), p_text(r["p_value"]))
        for r in records(report["anova"])
    ]
    print_table(console, "F tests of the terms (type III)", ("term", "df1", "df2", "F", "p"), terms)
    removed = [
        (r["term"], number(r["statistic"], 3), str(r["df"]), p_text(r["p_value"]))
        for r in records(report["random_tests"])
    ]
    columns = ("term left out", "likelihood ratio", "df", "p")
    print_table(console, "Tests of the random terms (p is conservative)", columns, removed)
    shares = [
        (r["group"], number(r["variance"], 6), f"{100 * r['share']:.1f}%")
        for r in records(report["variance_shares"])
    ]
    print_table(console, "Shares of the unexplained variance", ("group", "variance", "share"), shares)
    explained, residuals = report["variance_explained"], report["residuals"]
    console.print(
        f"R2 marginal {number(explained['r2_marginal'], 3)}, "
        f"conditional {number(explained['r2_conditional'], 3)}; "
        f"ICC adjusted {number(explained['icc_adjusted'], 3)}"
    )
    console.print(
        f"Scaled residuals: skewness {number(residuals['skewness'], 2)}, excess kurtosis "
        f"{number(residuals['excess_kurtosis'], 2)}, {len(residuals['large'])} beyond 3; rank correlation of "
        f"their size with the fitted value {number(residuals['spread_trend'], 2)}"
    )
    record, check = report["optimiser"], report["convergence"]
    console.print(
        f"Optimiser: {record['status']} after {record['evaluations']} evaluations, largest gradient "
        f"{record['gradient_norm']:.1e}, smallest curvature {number(check['smallest_eigenvalue'], 3)}\n"
    )


def _contrasts(console: Console, report: dict[str, Any]) -> None:
    first = 0 if report["means"]["slice"].notna().any() else 1  # without slices there is no column for them
    means = [
        (
            r["slice"] or "",
            r["level"],
            number(r["estimate"]),
            number(r["std_error"]),
            number(r["df"], 2),
            interval(r["conf_low"], r["conf_high"]),
        )[first:]
        for r in records(report["means"])
    ]
    columns = ("slice", "level", "mean", "SE", "df", "interval")[first:]
    print_table(console, "Marginal means", columns, means, texts=2 - first)
    rows = [
        (
            str(r["note"] or "").removeprefix("within "),
            r["comparison"],
            *_test(r),
            p_text(r["p_adjusted"]),
            interval(r["conf_low"], r["conf_high"]),
        )[first:]
        for r in records(report["contrasts"])
    ]
    columns = ("slice", "contrast", *_TEST, "p adj.", "interval")[first:]
    title = f"Contrasts: {report['contrasts']['method'].iloc[0]}"
    print_table(console, title, columns, rows, texts=2 - first)


def _intervals(console: Console, report: dict[str, Any]) -> None:
    rows = []
    for r in records(report["intervals"]):
        name = " ".join(r[key] for key in ("part", "group", "term") if isinstance(r.get(key), str))
        shown = interval(r["conf_low"], r["conf_high"])
        rows.append((name, number(r["estimate"]), shown, r["note"] or ""))
    title = f"{report['interval_method'].capitalize()} intervals"
    print_table(console, title, ("parameter", "estimate", "interval", "note"), rows)
