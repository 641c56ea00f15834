import numpy as np
import pandas as pd
import pytest

from manuscript.pick import pick, pick_row

FRAME = pd.DataFrame(
    {
        "task": ["breast", "breast", "knee", "knee"],
        "arm": ["a", "b", "a", None],
        "auc": [0.9, 0.8, 0.7, np.nan],
    }
)


def test_the_one_row_with_the_keys_is_picked() -> None:
    assert pick(FRAME, "auc", task="breast", arm="b") == 0.8


def test_none_as_key_means_missing() -> None:
    assert pick_row(FRAME, task="knee", arm=None)["task"] == "knee"


def test_a_missing_row_stops() -> None:
    with pytest.raises(ValueError, match=r"No row with task = 'hip'"):
        pick(FRAME, "auc", task="hip")


def test_a_doubled_row_stops() -> None:
    with pytest.raises(ValueError, match=r"2 rows with task = 'breast'"):
        pick(FRAME, "auc", task="breast")


def test_no_key_on_several_rows_stops() -> None:
    with pytest.raises(ValueError, match=r"4 rows with no key"):
        pick(FRAME, "auc")


def test_a_missing_value_stops() -> None:
    with pytest.raises(ValueError, match=r"`auc` is missing in the row with task = 'knee'"):
        pick(FRAME, "auc", task="knee", arm=None)


@pytest.mark.parametrize("keys", [{"tusk": "knee"}, {"task": "knee", "seed": 0}])
def test_an_unknown_key_stops(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"is not a column of this table; columns are task, arm, auc"):
        pick(FRAME, "auc", **keys)


def test_an_unknown_column_stops() -> None:
    with pytest.raises(ValueError, match=r"`f1` is not a column"):
        pick(FRAME, "f1", task="breast", arm="a")


def test_a_level_of_another_type_is_a_missing_row() -> None:
    with pytest.raises(ValueError, match=r"No row"):
        pick(
            pd.DataFrame({"filters": pd.array([4, None], dtype="Int64"), "auc": [0.1, 0.2]}),
            "auc",
            filters=16,
        )
