"""Pictures of a cell's maps: what lies on disk, and that it lies there whole."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.store import Store
from study.gradcam.choice import KINDS
from study.gradcam.files import INDEX_COLUMNS
from study.gradcam.pictures import explained_cells, write_pictures
from tests.training.saliency.stored_cell import CELL, SIZE
from training.saliency.overlay import SIDE


@pytest.fixture
def write(stored, opened):
    return lambda **options: write_pictures(
        stored[0], opened, **{"read_mask": stored[1]["read_mask"], **options}
    )


def test_a_cell_leaves_pictures_maps_and_index(stored, write):
    store, _ = stored
    rows = write()
    assert tuple(rows.columns) == INDEX_COLUMNS
    assert set(rows["kind"]) <= set(KINDS)
    assert rows["kind"].nunique() >= 3
    test = store.read_predictions(cell_ids=[CELL], splits=["test"]).set_index("image_id")
    for row in rows.itertuples():
        assert row.score == test.loc[row.image_id, "score"], "pictures come from the test split"
        assert row.predicted_label == ("positive" if row.score > 0.5 else "negative")
        assert row.kind.startswith("true") == (
            (row.predicted_label == "positive") == (row.true_class == "malignant")
        )
        for name in (row.image_path, row.overlay_path):
            with Image.open(store.gradcam_dir() / name) as picture:
                assert picture.size == (SIDE, SIDE)
    index = pd.read_parquet(store.gradcam_dir() / "index.parquet")
    pd.testing.assert_frame_equal(index, rows, check_dtype=False)
    assert explained_cells(store) == {CELL}
    with np.load(store.gradcam_dir() / CELL / "heatmaps.npz") as maps:
        assert list(maps["image_id"]) == list(rows["image_id"])
        assert maps["heat"].shape == (len(rows), SIZE, SIZE)
        assert set(maps.files) == {"image_id", "heat", "peak_layer3", "peak_layer4"}


def test_energy_is_null_without_a_lesion(write):
    rows = write()
    normal = rows["true_class"] == "normal"
    assert rows.loc[normal, ["energy_in_mask", "mask_share"]].isna().all(axis=None)
    assert rows.loc[~normal, "mask_share"].between(0.0, 1.0, inclusive="neither").all()
    assert write(read_mask=lambda image_id: None)["energy_in_mask"].isna().all()


def test_named_images_are_shown_instead(opened, write):
    names = list(opened.test["image_id"][[5, 2]])
    assert list(write(image_ids=names)["image_id"]) == names
    with pytest.raises(ValueError, match="are no test images of cell 0123456789ab, first 'nowhere'"):
        write(image_ids=["nowhere"])


def test_same_cell_twice_gives_the_same_bytes(stored, write):
    store, _ = stored
    rows = write()
    names = [*rows["image_path"], *rows["overlay_path"]]
    first = {name: (store.gradcam_dir() / name).read_bytes() for name in names}
    write()
    assert all((store.gradcam_dir() / name).read_bytes() == content for name, content in first.items())


def test_a_deleted_picture_makes_the_cell_unexplained(stored, write):
    store, _ = stored
    rows = write()
    (store.gradcam_dir() / rows["overlay_path"].iloc[0]).unlink()
    assert explained_cells(store) == set()


def test_store_without_gradcam_has_no_explained_cells(tmp_path):
    assert explained_cells(Store.create(tmp_path / "empty")) == set()
