import json

import pyarrow as pa
import pytest

from data.stored_types import as_stored, to_frame

TYPES = {"label": pa.int8(), "score": pa.float64(), "image_id": pa.string()}


def table(**columns) -> pa.Table:
    return pa.table({"image_id": ["a", "b"], "label": pa.array([0, 1], pa.int8()), **columns})


def test_what_this_program_wrote_is_given_back_as_it_is():
    given = table(score=[0.1, 0.2], more=["x", None])
    assert as_stored(given, "f", types=TYPES, needed=("label",)) is given


def test_other_widths_and_empty_columns_get_the_stored_type():
    made = as_stored(
        table(score=pa.array([1, 2], pa.int32()), group=pa.nulls(2)),
        "f",
        types={**TYPES, "group": pa.string()},
    )
    assert made.schema.field("score").type == pa.float64()
    assert made.schema.field("group").type == pa.string()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (table(), "no column 'score'"),
        (table(score=["0.1", "0.2"]), "'score' holds string, but double is needed"),
        (table(score=[[0.1], [0.2]]), "'score' holds list"),
        (table(score=[0.1, 0.2], more=[{"x": 1}, {"x": 2}]), "'more' holds struct"),
        (table(score=[0.1, 0.2]).set_column(1, "label", pa.array([0, 300])), "'label' does not fit int8"),
        (pa.table([["a"], ["b"], [0.1]], names=["image_id", "image_id", "score"]), "'image_id' twice"),
    ],
)
def test_anything_else_is_refused_by_the_name_of_the_file(given, message):
    with pytest.raises(ValueError, match=f"the-file.*{message}|the-file' is damaged.*{message}"):
        as_stored(given, "the-file", types=TYPES, needed=("score",))


@pytest.mark.parametrize(
    "notes",
    [
        {"columns": [{"name": "label"}]},
        {"index_columns": ["image_id"], "column_indexes": [], "columns": [
            {"name": "image_id", "field_name": "image_id", "pandas_type": "unicode", "numpy_type": "object",
             "metadata": None}
        ]},
    ],
)  # fmt: skip
def test_false_notes_for_pandas_are_refused(notes):
    given = table().replace_schema_metadata({"pandas": json.dumps(notes)})
    with pytest.raises(ValueError, match=r"the-file.*notes"):
        to_frame(given, "the-file")
