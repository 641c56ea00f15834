"""Task cards, cohort flow and networks: values traced to the tables, and what is said where they lack."""

from dataclasses import replace
from html import unescape

import pandas as pd
import pytest
from matplotlib.figure import Figure

from data.published_grid import load_published_architecture
from data.registry import dataset_info
from manuscript import floats_study
from manuscript.figures.architecture import architecture_diagram
from manuscript.figures.cohort import cohort_flow
from manuscript.load import Report
from manuscript.networks import amount, blocks, heads
from manuscript.published.report import published_report
from manuscript.tables_study import networks_table

HEADS = ["Linear", "NonLinear", "Conv", "ConvSkip"]


@pytest.fixture(scope="module")
def published() -> Report:
    return published_report()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_card_holds_the_facts_of_the_registry_and_the_counts_of_the_store(synthetic_report: Report) -> None:
    html = unescape(floats_study.cards(synthetic_report).as_raw_html())
    info, summary = dataset_info("phantom-breast"), synthetic_report.table("data_summary")
    assert summary is not None
    own = summary[(summary["task"] == "breast") & (summary["split"] == "test")]
    positive = own.loc[own["label"] == 1, "n_images"].sum()
    assert all(text in html for text in (info.title, info.modality, info.task, info.licence, "malignant"))
    assert f"{own['n_images'].sum()} test images ({positive} positive, 33 %)" in html


def test_cards_of_the_published_grid_state_what_their_source_states(published: Report) -> None:
    html = unescape(floats_study.cards(published).as_raw_html())
    assert "780 as its source states (437 benign, 210 malignant, 133 normal)" in html
    assert "doi:10.1016/j.dib.2019.104863" in html


def test_data_of_the_user_have_no_facts_that_nobody_knows(synthetic_report: Report) -> None:
    study = {"tasks": {"breast": {"dataset": "folder", "positive": ["malignant"]}}}
    html = floats_study.cards(replace(synthetic_report, study=study)).as_raw_html()
    assert "Licence" not in html
    assert "malignant" in html
    assert "names no task" in floats_study.cards(replace(synthetic_report, study={})).data


def test_the_flow_says_how_many_were_left_out_and_why() -> None:
    steps = [("found", None, 100), ("left out", "a copy of another image", 4), ("took part", None, 96)]
    flow = pd.DataFrame([("b", *step) for step in steps], columns=["task", "step", "reason", "n_images"])
    parts = [("train", "sick", 1, 30), ("val", "well", 0, 40), ("test", "sick", 1, 26)]
    columns = ["task", "split", "class", "label", "n_images", "n_groups"]
    summary = pd.DataFrame([("b", *part, None) for part in parts], columns=columns)
    shown = texts(cohort_flow(flow, summary, titles={"b": "b: set"}))
    assert {"100", "Left out: 4", "4: a copy of another image", "96", "Test: 26 images"} <= set(shown)
    assert "sick (positive): 30" in shown
    with pytest.raises(ValueError, match="96 images took part, but the parts of the split hold 66"):
        cohort_flow(flow, summary[summary["split"] != "train"], titles={"b": ""})


def test_the_flow_of_a_store_adds_up(synthetic_report: Report) -> None:
    shown = texts(floats_study.flow(synthetic_report))
    flow = synthetic_report.table("data_flow")
    assert flow is not None
    assert {str(n) for n in flow["n_images"]} <= set(shown)
    assert shown.count("Left out: 0") == 2
    assert "breast: phantom-breast" in shown


def test_what_has_no_flow_or_no_layers_says_so(synthetic_report: Report, published: Report) -> None:
    assert "cohort flow" in floats_study.flow(published).data
    bare = replace(synthetic_report, tables={**synthetic_report.tables, "architecture": None})
    for show in (floats_study.networks, floats_study.diagram, floats_study.layers):
        assert "`study run-grid` with `--store …/synthetic" in show(bare).data
    imported = replace(bare, study={**bare.study, "imported": True})
    assert "made elsewhere" in floats_study.networks(imported).data


def test_the_networks_are_those_of_the_table(published: Report) -> None:
    html = unescape(floats_study.networks(published).as_raw_html())
    layers = load_published_architecture()
    trunk = layers[(layers["part"] == "trunk") & (layers["backbone"] == "ResNet50")]
    one = trunk[(trunk["head"] == "Linear")]["n_parameters"].sum()
    assert amount(int(one)) == "23.5 M"
    assert "23.5 M" in html
    assert "the width of the flattened maps" in html
    every = unescape(floats_study.layers(published).as_raw_html())
    assert all(f">{name}<" in every for name in layers["layer"].unique())


def test_the_diagram_shows_shapes_on_every_backbone_and_the_skip_connection(published: Report) -> None:
    shown = texts(floats_study.diagram(published))
    assert {"DenseNet121, 256 × 256 pixels", "ResNet50, 256 × 256 pixels", *HEADS} <= set(shown)
    assert {"skip: Linear", "sum", "4092 | 8188", "512 | 1024"} <= set(shown)
    layers = load_published_architecture()
    (_, settings, on), *_ = heads(layers, ["ConvSkip"])
    assert settings == "FC ratio 0.5, filters 4, kernel size 2, dropout 0.5"
    joined = {block.layer: block for block in blocks(on[0])}
    assert joined["add"].reads == ("flatten", "skip")
    assert joined["fc1"].kinds == ("Linear", "batch norm", "leaky ReLU", "dropout 0.5")


@pytest.mark.parametrize("kept", [["Linear"], ["Linear", "ConvSkip"], HEADS])
def test_a_diagram_of_few_heads_keeps_its_texts_inside(kept: list[str]) -> None:
    layers = load_published_architecture()
    figure = architecture_diagram(layers[layers["head"].isin(kept)], order=HEADS)
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    for text in figure.axes[0].texts:
        if text.get_text():
            extent = text.get_window_extent()
            assert extent.x0 >= -1, text
            assert extent.x1 <= width + 1, text
            assert extent.y0 >= -1, text
            assert extent.y1 <= height + 1, text


def test_networks_of_earlier_grids_are_left_out(published: Report) -> None:
    cells = published.cells[published.cells["head"] == "Linear"]
    html = floats_study.networks(replace(published, cells=cells)).as_raw_html()
    assert "Linear" in html
    assert "ConvSkip" not in html


def test_levels_of_unfreezing_do_not_add_up_the_parameters_of_a_head(published: Report) -> None:
    layers = load_published_architecture()
    one = layers[(layers["backbone"] == "ResNet50") & (layers["head"] == "Linear")]
    trained = one["n_parameters"].where(one["layer"].eq("layer4"), one["n_trained"])
    both = pd.concat([one, one.assign(unfreeze="1", n_trained=trained)], ignore_index=True)
    html = unescape(networks_table(both, order=["Linear"]).as_raw_html())
    assert ">4.1 k<" in html
    assert ">0 to 15.0 M<" in html
    assert ">2</td>" in html
    shown = architecture_diagram(both, order=["Linear"])
    legend = shown.axes[0].get_legend()
    assert legend is not None
    assert "trained in some cells" in [text.get_text() for text in legend.get_texts()]
