"""Which cells differ in one factor only."""

import pandas as pd

from study.analyses.grid_data import design_keys, varied_columns

CELLS = pd.DataFrame(
    {
        "task": "breast",
        "head": ["Linear", "Linear", "Conv", "Conv"],
        "lr_decay": ["beta", "cosine", "beta", "cosine"],
        "lr_decay_factor": [0.5, None, 0.5, None],
        "filters": [None, None, 4, 16],
    }
)


def test_a_setting_with_one_level_tells_no_cells_apart():
    assert varied_columns(CELLS) == ["head", "lr_decay", "filters"]


def test_cells_that_differ_in_the_schedule_only_have_the_same_key():
    names = [name for name in varied_columns(CELLS) if name != "lr_decay"]
    keys = design_keys(CELLS, names)
    assert keys[0] == keys[1]
    assert keys[2] != keys[3]
