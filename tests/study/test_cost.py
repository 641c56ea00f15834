"""The cost of a grid, against the models that training really builds."""

import pytest

from study.config import load_study, parse_study
from study.grid import build_cells, group_cells
from study.run.cost import group_cost, head_parameters, new_trunks
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


SMALL = """
name = "small"
[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
[factors]
{factors}
[protocol]
head = "Linear"
{protocol}
"""


def small_groups(factors, protocol):
    return group_cells(build_cells(parse_study(SMALL.format(factors=factors, protocol=protocol))))


def test_a_fusion_costs_only_the_trunks_that_no_other_group_pushed():
    groups = small_groups('pretrain = ["random", "random+phantom", "phantom"]', 'backbone = "ResNet50"')
    trunks = new_trunks(groups)
    assert list(trunks.values()) == [1, 1, 0]
    counts = {"train": 100, "val": 20, "test": 10}
    costs = [group_cost(members, counts, trunks=trunks[key]) for key, members in groups.items()]
    assert [cost.images for cost in costs] == [530, 530, 0]
    assert costs[1].images_alone == 2 * costs[0].images_alone
    fused = list(groups.values())[1][0]
    assert head_parameters(fused.recipe) == 2 * 2 * 2048 + 2


def test_unfrozen_layers_cost_more_the_deeper_they_reach():
    groups = small_groups('unfreeze = [0, 1, 3, "all"]', 'pretrain = "random"\nbackbone = "ResNet50"')
    counts = {"train": 100, "val": 20, "test": 10}
    seconds = [group_cost(members, counts).trunk_seconds for members in groups.values()]
    assert seconds == sorted(seconds)
    whole = 5 * (100 * 3 + 20) + 10  # a step is three forward passes
    assert seconds[-1] / seconds[0] == pytest.approx(whole / (5 * 100 + 20 + 10))
