"""The manifest frame and its hash."""

import pandas as pd
import pytest

from data.dataset import MANIFEST_COLUMNS, make_manifest, manifest_hash


def _row(image_id, name="benign", **more):
    return {
        "image_id": image_id,
        "path": f"/x/{image_id}",
        "class": name,
        "sha256": "0",
        "width": 2,
        "height": 3,
    } | more


def test_rows_are_sorted_and_missing_values_null():
    frame = make_manifest([_row("b", group_id="p1"), _row("a")])
    assert frame.columns.tolist() == list(MANIFEST_COLUMNS)
    assert frame["image_id"].tolist() == ["a", "b"]
    assert frame["group_id"].isna().tolist() == [True, False]
    assert frame["width"].dtype == "int64"


def test_hash_ignores_paths_row_order_and_extra_columns():
    frame = make_manifest([_row("b", group_id="p1"), _row("a")])
    moved = frame.assign(path="elsewhere", label=1).iloc[::-1]
    assert manifest_hash(moved) == manifest_hash(frame)
    assert len(manifest_hash(frame)) == 64


def test_hash_does_not_depend_on_how_null_is_written():
    frame = make_manifest([_row("a"), _row("b")])
    assert manifest_hash(frame.assign(group_id=float("nan"))) == manifest_hash(frame)
    assert manifest_hash(frame.assign(group_id=pd.array([None, None], dtype="str"))) == manifest_hash(frame)


@pytest.mark.parametrize("change", [{"class": "x"}, {"sha256": "1"}, {"group_id": "p"}, {"image_id": "z"}])
def test_hash_sees_every_change_of_the_data(change):
    frame = make_manifest([_row("a"), _row("b")])
    changed = frame.copy()
    for name, value in change.items():
        changed.loc[1, name] = value
    assert manifest_hash(changed) != manifest_hash(frame)


def test_an_image_in_two_classes_is_refused():
    with pytest.raises(
        ValueError, match=r"Image 'a' stands in 2 classes .benign, malignant.; an image has one class"
    ):
        make_manifest([_row("a"), _row("a", "malignant"), _row("b")])


def test_an_image_listed_twice_is_refused():
    with pytest.raises(ValueError, match=r"Image 'a' is listed 2 times .class benign.*keep one row for each"):
        make_manifest([_row("a"), _row("a")])


def test_no_image_is_refused():
    with pytest.raises(ValueError, match=r"The data set has no image"):
        make_manifest([])
