"""Store: write then read is identity, for any values that its tables can hold."""

import csv
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from data.store import Store
from data.tables import sort_predictions

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_FLOAT32 = st.floats(allow_nan=False, allow_infinity=False, width=32)
_FLOAT = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def _predictions(draw):
    keys = st.tuples(st.sampled_from(["val", "test"]), _TEXT)
    places = draw(st.lists(keys, min_size=1, max_size=8, unique=True))
    n = len(places)

    def _many(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    return pd.DataFrame(
        {
            "cell_id": ["c1"] * n,
            "seed": np.full(n, draw(_INT64), dtype="int64"),
            "fold": np.full(n, draw(_INT64), dtype="int64"),
            "split": [split for split, _ in places],
            "image_id": [image_id for _, image_id in places],
            "group_id": pd.Series(_many(st.none() | _TEXT), dtype="str"),
            "label": np.array(_many(st.integers(0, 1)), dtype="int8"),
            "score": np.array(_many(_FLOAT), dtype="float64"),
            "logit_0": np.array(_many(_FLOAT32), dtype="float32"),
            "logit_1": np.array(_many(_FLOAT32), dtype="float32"),
        }
    )


@given(_predictions())
@settings(max_examples=40, deadline=None)
def test_predictions_round_trip(frame):
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(folder)
        store.write_cell({"cell_id": "c1", "task": "t", "status": "done"}, frame, None)
        read = store.read_predictions()
    expected = sort_predictions(frame)
    assert_frame_equal(read, expected, check_exact=True, check_dtype=False)
    assert read["score"].to_numpy().tobytes() == expected["score"].to_numpy().tobytes()
    assert read["logit_1"].dtype == "float32"
    assert read["label"].dtype == "int8"


_VALUES = st.none() | st.booleans() | _INT64 | _FLOAT | _TEXT
_KEYS = st.text("abcdefgh_", min_size=1, max_size=5)


@given(st.dictionaries(_KEYS, _VALUES, max_size=6))
@settings(max_examples=50, deadline=None)
def test_cell_rows_round_trip(extra):
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(folder)
        store.write_cell({"cell_id": "c1", "task": "t", "status": "failed", "reason": "Ω", **extra})
        row = store.cells().iloc[0]
    for key, value in extra.items():
        if value is None:
            assert pd.isna(row[key])
        else:
            assert row[key] == value
            assert (
                isinstance(row[key], type(value))
                or np.asarray(value).dtype.kind == np.asarray(row[key]).dtype.kind
            )


_COLUMNS = {
    "estimate": st.floats(),
    "n": st.none() | _INT64,
    "planned": st.booleans(),
    "note": st.none() | _TEXT,
}


@given(st.lists(st.fixed_dictionaries(_COLUMNS), max_size=8))
@settings(max_examples=40, deadline=None)
def test_results_round_trip(rows):
    values = {name: [row[name] for row in rows] for name in _COLUMNS}
    types = {"estimate": "float64", "n": "Int64", "planned": "bool", "note": "str"}
    frame = pd.DataFrame({name: pd.array(values[name], dtype=types[name]) for name in _COLUMNS})
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(folder)
        store.write_result("t", frame)
        read = store.read_result("t")
        with (Path(folder) / "results" / "t.csv").open(newline="", encoding="utf-8") as file:
            estimates = [float(row["estimate"] or "nan") for row in csv.DictReader(file)]
    assert_frame_equal(read, frame, check_exact=True)
    assert np.array_equal(np.array(estimates, dtype="float64"), frame["estimate"], equal_nan=True)
