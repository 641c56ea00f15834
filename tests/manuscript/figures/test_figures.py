from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from manuscript.figures.distribution import factor_distribution
from manuscript.figures.gradcam import choose_tiles, gradcam_panel
from manuscript.figures.learning import learning_curves
from manuscript.figures.roc import roc_curves, roc_labels
from manuscript.load import Report
from manuscript.theme import COLOURS, SHAPES, arm_look
from tests.manuscript.layout import layout_faults

ARMS = ["random", "phantom"]
STUDY = {"factors": {"pretrain": ["random", "phantom"], "head": ["Linear", "Conv"], "filters": [4, 16]}}


def _metrics(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    head = np.where(np.arange(n) % 3 == 0, "Linear", "Conv")
    return pd.DataFrame(
        {
            "cell_id": [f"cell{i:08d}" for i in range(n)],
            "task": np.where(np.arange(n) % 2 == 0, "breast", "knee"),
            "pretrain": np.where(np.arange(n) // 2 % 2 == 0, "random", "phantom"),
            "head": head,
            "filters": np.where(head == "Linear", np.nan, np.where(np.arange(n) % 4 < 2, 4.0, 16.0)),
            "test_auc": rng.uniform(0.5, 1, n),
        }
    )


def test_cells_that_do_not_use_a_factor_are_left_out_of_its_panel() -> None:
    plot = factor_distribution(_metrics(24), ["filters"], study=STUDY, arm="pretrain")
    assert set(plot.data["level"]) == {"4", "16"}
    assert list(plot.data["level"].cat.categories) == ["4", "16"]


def test_arms_keep_the_order_of_the_study_file() -> None:
    plot = factor_distribution(_metrics(24), ["head"], study=STUDY, arm="pretrain")
    assert list(plot.data["arm"].cat.categories) == ["random", "phantom"]


def test_same_arms_look_the_same_in_every_figure() -> None:
    assert arm_look(["random", "phantom"]) == (
        {"random": COLOURS[0], "phantom": COLOURS[1]},
        {"random": SHAPES[0], "phantom": SHAPES[1]},
    )


def test_an_arm_keeps_its_colour_where_the_other_is_absent(synthetic_report: Report) -> None:
    selected, history = synthetic_report.table("selected"), synthetic_report.history
    assert selected is not None
    assert history is not None
    labels = selected[selected["arm"] == "phantom"][["cell_id", "task", "arm"]]
    plot = learning_curves(
        history[history["cell_id"].isin(labels["cell_id"])], labels, contrast="pretrain", arms=ARMS
    )
    figure = plot.draw()
    used = {line.get_color() for axes in figure.axes for line in axes.lines}
    drawn = {colour for axes in figure.axes for part in axes.collections for colour in _colours(part)}
    assert COLOURS[1].lower() in used | drawn
    assert COLOURS[0].lower() not in used | drawn


def _colours(part: Any) -> list[str]:
    return [to_hex(colour) for colour in part.get_edgecolor()]


def test_many_arms_differ_in_colour_or_shape() -> None:
    arms = [str(i) for i in range(20)]
    colours, shapes = arm_look(arms)
    assert len({(colours[arm], shapes[arm]) for arm in arms}) == 20


@pytest.mark.parametrize("tasks", [["breast"], ["breast", "knee"]])
def test_roc_curves_show_each_selected_cell_with_its_interval(
    synthetic_report: Report, tasks: list[str]
) -> None:
    selected, roc = synthetic_report.table("selected"), synthetic_report.table("roc")
    assert selected is not None
    assert roc is not None
    chosen = selected[selected["task"].isin(tasks)]
    plot = roc_curves(roc[roc["task"].isin(tasks)], chosen, contrast="pretrain", arms=ARMS)
    assert layout_faults(plot) == []
    assert list(plot.data["curve"].cat.categories) == list(roc_labels(chosen)["curve"])
    assert all(" to " in label for label in roc_labels(chosen)["curve"])


def test_one_roc_curve_is_drawable(synthetic_report: Report) -> None:
    selected, roc = synthetic_report.table("selected"), synthetic_report.table("roc")
    assert selected is not None
    assert roc is not None
    one = selected.iloc[[0]]
    plot = roc_curves(roc[roc["cell_id"].isin(one["cell_id"])], one, contrast="pretrain", arms=ARMS)
    plot.draw()
    assert plot.data["cell_id"].nunique() == 1


@pytest.mark.parametrize("n", [1, 2, 4])
def test_learning_curves_draw_any_number_of_cells(synthetic_report: Report, n: int) -> None:
    selected, history = synthetic_report.table("selected"), synthetic_report.history
    assert selected is not None
    assert history is not None
    labels = selected[["cell_id", "task", "arm"]].head(n)
    plot = learning_curves(
        history[history["cell_id"].isin(labels["cell_id"])], labels, contrast="pretrain", arms=ARMS
    )
    assert layout_faults(plot) == []
    assert len(plot.data[["task", "arm"]].drop_duplicates()) == n
    assert plot.data["epoch"].min() == 1


def test_learning_curves_of_one_epoch_are_drawable(synthetic_report: Report) -> None:
    selected, history = synthetic_report.table("selected"), synthetic_report.history
    assert selected is not None
    assert history is not None
    labels = selected[["cell_id", "task", "arm"]].head(1)
    first = history[(history["epoch"] == 0) & history["cell_id"].isin(labels["cell_id"])]
    learning_curves(first, labels, contrast="pretrain", arms=ARMS).draw()


def _index(n: int) -> pd.DataFrame:
    kinds = ["true positive", "true negative", "false positive", "false negative"]
    return pd.DataFrame(
        {
            "task": "breast",
            "cell_id": "abcdef012345",
            "image_id": [f"i{i}" for i in range(n)],
            "kind": [kinds[i % 4] for i in range(n)],
            "true_class": "benign",
            "predicted_label": "positive",
            "score": np.linspace(0.05, 0.95, n),
            "image_path": "image.png",
            "overlay_path": "overlay.png",
        }
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((8, 8), dtype="uint8")).save(tmp_path / "image.png")
    Image.fromarray(np.zeros((8, 8, 3), dtype="uint8")).save(tmp_path / "overlay.png")
    return tmp_path


@pytest.mark.parametrize("n", [1, 2, 40])
def test_the_gradcam_panel_pairs_each_image_with_its_overlay(images: Path, n: int) -> None:
    tiles = choose_tiles(_index(n))
    figure = gradcam_panel(tiles, roots=[images], arms={"abcdef012345": "random"})
    figure.draw_without_rendering()
    assert len(figure.axes) == 2 * len(tiles) + 1
    bar = figure.axes[-1]
    assert bar.get_label() == "colour bar"
    assert [label.get_text() for label in bar.get_xticklabels()] == ["0", "", "maximum of the map"]
    texts = [text.get_text() for text in figure.texts]
    assert texts[0] == "breast, random (cell abcdef)"
    assert "true benign, predicted positive" in texts[1]


def test_the_most_confident_image_of_each_kind_is_chosen() -> None:
    tiles = choose_tiles(_index(40))
    for _, tile in tiles.iterrows():
        same = _index(40).query("kind == @tile.kind")
        assert abs(tile["score"] - 0.5) == pytest.approx((same["score"] - 0.5).abs().max())


def test_a_gradcam_image_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"names `image\.png`, .* Run `study gradcam` again"):
        gradcam_panel(choose_tiles(_index(1)), roots=[tmp_path], arms={})


def test_a_gradcam_index_that_names_files_elsewhere_is_refused(images: Path) -> None:
    tiles = choose_tiles(_index(1)).assign(image_path="../image.png")
    with pytest.raises(ValueError, match="which is not below"):
        gradcam_panel(tiles, roots=[images / "gradcam"], arms={})


def test_a_level_with_dollar_signs_is_a_name_and_no_formula() -> None:
    metrics = _metrics(4).assign(head="$\\undefined{$")
    study = {"factors": {**STUDY["factors"], "head": ["$\\undefined{$"]}}
    factor_distribution(metrics, ["head"], study=study, arm="pretrain").draw().draw_without_rendering()
