import pandas as pd

from manuscript.grid import level_order

STUDY = {"tasks": {"knee": {}, "breast": {}}, "factors": {"unfreeze": [0, 2, 1, "all"], "filters": [16, 4]}}


def test_levels_that_a_store_gives_back_as_text_keep_the_order_of_the_study_file() -> None:
    assert level_order(STUDY, "unfreeze", pd.Series(["all", "0", "1", "2"])) == ["0", "2", "1", "all"]
    assert level_order(STUDY, "filters", pd.Series([4.0, 16.0, None])) == ["16", "4"]


def test_levels_that_the_study_file_does_not_name_follow_by_value() -> None:
    assert level_order(STUDY, "filters", pd.Series([8.0, 16.0, 2.0])) == ["16", "2", "8"]
    assert level_order(STUDY, "task", pd.Series(["breast", "acl"])) == ["breast", "acl"]
