"""The cost of a grid, against the models that training really builds."""

import pytest

from study.config import load_study
from study.grid import build_cells, group_cells
from study.run.cost import group_cost, head_parameters
from training.settings import FEATURES, CellSettings


def one_cell_per_shape():
    cells = build_cells(load_study("large-grid").config)
    shapes = {}
    for cell in cells:
        if cell.recipe["backbone"] == "DenseNet121":
            shapes.setdefault((cell.recipe["head"], cell.recipe["fc_ratio"], cell.recipe["filters"]), cell)
    return list(shapes.values())


@pytest.mark.parametrize("cell", one_cell_per_shape(), ids=lambda c: f"{c.recipe['head']}-{c.index}")
def test_head_parameters_are_those_of_the_built_head(cell):
    heads = pytest.importorskip("training.heads")
    settings = CellSettings(**cell.columns)
    assert head_parameters(cell.recipe) == heads.head_parameters(settings, FEATURES["DenseNet121"])


def test_a_group_of_the_papers_grid_shares_its_passes():
    group = next(iter(group_cells(build_cells(load_study("large-grid").config)).values()))
    cost = group_cost(group, {"train": 585, "val": 117, "test": 78})
    assert cost.images == 585 * 5 + 117 + 78
    assert cost.images_alone == 22 * ((585 + 117) * 5 + 78)
    assert cost.seconds == cost.trunk_seconds + cost.head_seconds > 0
