"""What `study power` prints without --json: a sentence, the formulas side by side, and notes."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from study.rich_tables import number, print_table


def print_power(console: Console, report: dict[str, Any]) -> None:
    """Print the report of `study power`."""
    plan = report["plan"]
    console.print(_mcnemar(plan) if report["test"] == "mcnemar" else _auc(plan), soft_wrap=True)
    if report.get("loss"):
        console.print(_auc(report["loss"]), soft_wrap=True)
    console.print(f"Method: {plan['method']}; alpha {plan['alpha']:g}.", soft_wrap=True)
    pilot = report.get("pilot")
    if pilot:
        aucs = ", ".join(f"{m['name']} {number(m['auc'])}" for m in pilot["models"])
        console.print(
            f"Pilot: {pilot['n_positive']} positive ({pilot['positive']}), {pilot['n_negative']} negative; "
            f"AUC {aucs}; correlation {number(pilot['correlation'])}; "
            f"design effect {number(pilot['design_effect'])}.",
            soft_wrap=True,
        )
    if report.get("by_variance"):
        lost = ("auc_loss",) if report["loss"] else ()
        keys = ("n_positive", "n_negative", "auc", *lost, "power")
        rows = [(r["variance"], *(number(r[key]) for key in keys)) for r in report["by_variance"]]
        columns = ("variance", "positive", "negative", "AUC", *(("AUC (loss)",) if lost else ()), "power")
        print_table(console, "The same question with each variance", columns, rows)
    for note in report["notes"]:
        console.print(f"Note: {note.rstrip('.')}.", style="yellow", soft_wrap=True)


def _auc(plan: dict[str, Any]) -> str:
    images = f"{plan['n_positive']} positive and {plan['n_negative']} negative images"
    if plan["design"] == "unpaired":
        images += " per model"
    against = f"AUC {number(plan['reference'])}"
    if plan["margin"]:
        against += f" with margin {plan['margin']:g}"
    power = f"{100 * (plan['power'] if plan['power'] == plan['power'] else plan['power_wanted']):.1f} %"
    if plan["solved"] == "images":
        return f"{images} tell AUC {number(plan['auc'])} from {against} with power {power}."
    if plan["solved"] == "power":
        return f"With {images} the power to tell AUC {number(plan['auc'])} from {against} is {power}."
    if plan["auc"] != plan["auc"]:
        return f"With {images} no such AUC is told from {against} with power {power}."
    side = "gain" if plan["difference"] > 0 else "loss"
    return (
        f"With {images} the smallest {side} told from {against} with power {power} is "
        f"{number(abs(plan['difference']))}, to AUC {number(plan['auc'])}."
    )


def _mcnemar(plan: dict[str, Any]) -> str:
    power = f"{100 * plan['power']:.1f} %"
    question = f"only a right on {100 * plan['only_a']:g} %, only b on {100 * plan['only_b']:g} % of images"
    text = f"With {plan['n']} images ({question}) the power is {power}"
    if plan["n_connor"] == plan["n_connor"]:
        text += f"; Connor's formula gives {number(plan['n_connor'], 1)}"
    return f"{text}."
