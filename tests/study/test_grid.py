"""Factors to cells to groups."""

from collections import Counter

import pytest

from study.config import load_study, parse_study
from study.grid import build_cells, cell_id, group_cells, select_cells

SMALL = """
name = "small"
seeds = [0, 1]
[tasks.breast]
dataset = "busi"
positive = ["malignant"]
[factors]
head = ["Linear", "Conv"]
filters = [4, 16]
{more}
[protocol]
pretrain = "random"
backbone = "ResNet18"
"""


def small(more: str = "", top: str = ""):
    return parse_study(top + SMALL.format(more=more))


def test_the_papers_grid_has_176_cells_in_8_groups_of_22():
    cells = build_cells(load_study("large-grid").config)
    assert len(cells) == 176
    assert [len(group) for group in group_cells(cells).values()] == [22] * 8
    per_head = Counter(cell.recipe["head"] for cell in cells)
    assert per_head == {"Linear": 16, "NonLinear": 32, "Conv": 64, "ConvSkip": 64}


def test_a_factor_that_the_head_does_not_use_does_not_multiply_it():
    cells = build_cells(small())
    assert [(c.seed, c.recipe["head"], c.recipe["filters"]) for c in cells] == [
        (seed, head, filters)
        for seed in (0, 1)
        for head, filters in (("Linear", None), ("Conv", 4), ("Conv", 16))
    ]
    assert [c.index for c in cells] == list(range(6))


def test_the_factor_of_the_beta_decay_is_unused_under_cosine():
    config = small(more='lr_decay = ["beta", "cosine"]\nlr_decay_factor = [0.5, 0.9]')
    linear = [c for c in build_cells(config) if c.recipe["head"] == "Linear" and c.seed == 0]
    assert [(c.recipe["lr_decay"], c.recipe["lr_decay_factor"]) for c in linear] == [
        ("beta", 0.5),
        ("beta", 0.9),
        ("cosine", None),
    ]


def test_momentum_and_the_reach_of_weight_decay_are_unused_where_nothing_reads_them():
    more = """optimizer = ["adam", "sgd-nesterov"]
momentum = [0.5, 0.9]
weight_decay = [0.0, 0.1]
decay_norm_and_bias = [true, false]"""
    names = ("optimizer", "momentum", "weight_decay", "decay_norm_and_bias")
    linear = [c for c in build_cells(small(more=more)) if c.recipe["head"] == "Linear" and c.seed == 0]
    assert [tuple(c.recipe[name] for name in names) for c in linear] == [
        *[("adam", None, 0.0, None), ("adam", None, 0.1, True), ("adam", None, 0.1, False)],
        *[("sgd-nesterov", 0.5, 0.0, None), ("sgd-nesterov", 0.5, 0.1, True)],
        *[("sgd-nesterov", 0.5, 0.1, False), ("sgd-nesterov", 0.9, 0.0, None)],
        *[("sgd-nesterov", 0.9, 0.1, True), ("sgd-nesterov", 0.9, 0.1, False)],
    ]


def test_seeds_share_the_features_of_their_group():
    assert len(group_cells(build_cells(small()))) == 1


def test_exclude_removes_a_combination_and_nothing_else():
    config = small(top='exclude = [{ head = "Conv", filters = 16 }]\n')
    assert {(c.recipe["head"], c.recipe["filters"]) for c in build_cells(config)} == {
        ("Linear", None),
        ("Conv", 4),
    }


def test_a_grid_without_a_cell_is_an_error():
    config = small(top='exclude = [{ head = ["Linear", "Conv"] }]\n')
    with pytest.raises(ValueError, match="no cell: its exclude rules leave nothing"):
        build_cells(config)


def test_only_selects_by_level():
    config = small()
    cells = select_cells(build_cells(config), ["head=Conv", "filters=16,4", "seed=1"], config)
    assert [(c.seed, c.recipe["filters"]) for c in cells] == [(1, 4), (1, 16)]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("head", "write factor=level"),
        ("hed=Conv", "`hed` is not varied in this study; varied are task, seed, head, filters"),
        ("head=Cnv", "level `Cnv` of `head` does not exist; levels are Linear, Conv"),
    ],
)
def test_a_wrong_selection_names_what_is_allowed(rule, message):
    config = small()
    with pytest.raises(ValueError, match=message):
        select_cells(build_cells(config), [rule], config)


def test_cell_id_depends_on_everything_that_determines_predictions():
    first, second = build_cells(small())[:2]
    keys = {"split_hash": "a", "manifest_hash": "b", "weights_hash": "c", "schema": 1}
    ids = {
        cell_id(first, **keys),
        cell_id(second, **keys),
        *(cell_id(first, **(keys | {name: "x"})) for name in ("split_hash", "manifest_hash", "weights_hash")),
        cell_id(first, **(keys | {"schema": 2})),
    }
    assert len(ids) == 6
    assert all(len(value) == 12 and set(value) <= set("0123456789abcdef") for value in ids)


def test_adding_a_level_changes_no_other_cell_id():
    keys = {"split_hash": "a", "manifest_hash": "b", "weights_hash": "c", "schema": 1}
    before = {cell_id(c, **keys) for c in build_cells(small())}
    after = {cell_id(c, **keys) for c in build_cells(small(more="fc_ratio = [0.5, 1.0]"))}
    assert before < after
