"""Figures and tables of measured heat maps, and the words where there are none."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from IPython.display import Markdown
from plotnine import ggplot

from manuscript import floats_saliency
from manuscript.figures.saliency import measures_figure, randomisation_figure
from manuscript.load import Report, load_report
from manuscript.tables_saliency import agreement_table, measures_table

NAMES = ("measures", "means", "differences", "randomisation", "stability")
ARMS = ["random", "phantom"]
METRICS = ("energy", "pointing", "iou")
PARTS = ("another image", "head", "layer4", "stem")


def _row(estimate, **labels):
    limits = {"conf_low": estimate - 0.01, "conf_high": estimate + 0.02, "conf_level": 0.95}
    return {"n": 40, "n_groups": 20, "estimate": estimate, **limits, "note": None, **labels}


def _means(tasks=("breast", "knee"), arms=ARMS):
    rows = []
    for t, task in enumerate(tasks):
        for a, arm in enumerate(arms):
            base = {"task": task, "cell_id": f"{t}{a}" * 6, "arm": arm}
            for m, metric in enumerate(METRICS):
                value = 0.1 + 0.2 * t + 0.05 * a + 0.01 * m
                for images in ("all", "true positive"):
                    own = {"map": "Grad-CAM", "images": images, "metric": metric}
                    rows.append(_row(value, **base, **own))
                rows.append(_row(0.07 + t, **base, map="uniform", images="all", metric=metric))
    return pd.DataFrame(rows)


def _randomisation(tasks=("breast",), arms=ARMS):
    return pd.DataFrame(
        [
            _row(
                0.9 - 0.2 * depth,
                task=task,
                cell_id=f"{a}" * 12,
                arm=arm,
                depth=depth,
                part=part,
                metric=metric,
            )
            for task in tasks
            for a, arm in enumerate(arms)
            for depth, part in enumerate(PARTS, start=-1)
            for metric in ("rank_correlation", "ssim")
        ]
    )


def _stability():
    labels = {"task": "breast", "cell_id": "a" * 12, "arm": "random", "seed": 0, "other_seed": 1}
    return pd.DataFrame([_row(0.6, **labels, metric="rank_correlation"), _row(0.8, **labels, metric="ssim")])


@pytest.fixture
def measured(synthetic_report: Report) -> Report:
    differences = synthetic_report.analysis("delong")
    assert differences is not None
    differences = differences.assign(analysis="saliency", metric="energy", planned=False)
    tables = {
        "saliency": _means(),
        "saliency_tests": differences,
        "saliency_randomisation": _randomisation(),
        "saliency_stability": _stability(),
    }
    return replace(synthetic_report, tables={**synthetic_report.tables, **tables})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_names_the_command(synthetic_report: Report, name: str) -> None:
    shown = getattr(floats_saliency, name)(synthetic_report)
    assert isinstance(shown, Markdown)
    option = " --seeds" if name == "stability" else ""
    assert f"run `study gradcam …/synthetic{option}` and render again" in shown.data


@pytest.mark.parametrize("name", NAMES)
def test_the_published_grid_says_that_it_has_no_images(name: str) -> None:
    shown = getattr(floats_saliency, name)(load_report(None))
    assert "published grid holds metrics of each model and no predictions" in shown.data


@pytest.mark.parametrize("name", NAMES)
def test_measured_maps_are_shown(measured: Report, name: str) -> None:
    shown = getattr(floats_saliency, name)(measured)
    assert not isinstance(shown, Markdown)


@pytest.mark.parametrize(("tasks", "arms"), [(("breast",), ["random"]), (("a", "b", "c"), list("defghij"))])
def test_figures_are_drawn_for_one_arm_and_for_many(tasks, arms) -> None:
    for figure in (
        measures_figure(_means(tasks, arms).query("images == 'all'"), arms=arms),
        randomisation_figure(_randomisation(tasks, arms), arms=arms),
    ):
        assert isinstance(figure, ggplot)
        figure.draw()


def test_reference_maps_stand_once_per_task_below_the_arms() -> None:
    figure = measures_figure(_means().query("images == 'all'"), arms=ARMS)
    rows = list(figure.data["row"].cat.categories)
    assert rows == ["uniform", "Grad-CAM, phantom", "Grad-CAM, random"]  # from below
    assert (figure.data["row"] == "uniform").sum() == 2 * len(METRICS)


def test_the_cascade_keeps_its_order_and_other_images_are_a_line() -> None:
    figure = randomisation_figure(_randomisation(), arms=ARMS)
    assert list(figure.data["part"].cat.categories) == ["head", "layer4", "stem"]
    assert list(figure.data["arm"].cat.categories) == ARMS


def test_the_table_shows_the_numbers_of_the_rows() -> None:
    html = measures_table(_means()).as_raw_html()
    assert "0.100 (0.090 to 0.120)" in html
    assert "0.350 (0.340 to 0.370)" in html
    assert html.count(">uniform<") == 2
    assert html.count(">random<") == 2, "an arm is named once per task"
    assert "They draw whole patients." in html
    html = agreement_table(_stability()).as_raw_html()
    assert "0.600 (0.590 to 0.620)" in html
    assert "0 and 1" in html


def test_notes_are_told_once() -> None:
    rows = _means()
    rows["note"] = "only 5 groups: bootstrap intervals are rough"
    rows.loc[0, "note"] = (
        "1 of 40 maps hold no evidence and count as 0; only 12 groups: bootstrap intervals are rough"
    )
    flat = rows["metric"] == "pointing"
    rows.loc[flat, "note"] = (
        "all bootstrap samples give the same value: the interval has no width and understates the uncertainty"
    )
    rows.loc[flat, "conf_low"] = rows.loc[flat, "conf_high"] = rows.loc[flat, "estimate"]
    html = measures_table(rows).as_raw_html()
    assert html.count("Intervals from few patients are rough (rows with 5, 12 patients).") == 1
    assert html.count("1 of 40 maps hold no evidence and count as 0.") == 1
    assert html.count("A value without interval is the same in all bootstrap samples.") == 1
    assert ">0.110<" in html, "pointing game without an interval"
