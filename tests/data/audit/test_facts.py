"""Facts of images: their values by hand, and the cache that keeps them."""

import numpy as np
import pandas as pd
import pytest

from data.audit import facts_cache
from data.audit.facts import BLANK_SHARE, FACT_COLUMNS, image_facts, measure
from data.audit.facts_cache import cached_facts, facts_path
from data.registry import load_dataset


@pytest.fixture
def folder_dataset(tmp_path, save_image):
    for number in range(3):
        for name, mode in (("a", "L"), ("b", "RGB")):
            save_image(tmp_path / "set" / name / f"{number}.png", seed=number, size=(60, 50), mode=mode)
    return load_dataset("folder", options={"path": str(tmp_path / "set")})


def test_values_of_an_image_by_hand():
    image = np.zeros((50, 100), dtype=np.uint8)
    image[:, :25] = 200
    found = measure(image)
    assert found["aspect"] == 2.0
    assert found["mean"] == 50.0
    assert found["std"] == pytest.approx(np.std(image), rel=1e-12)
    assert found["black_share"] == found["flat_share"] == 0.75
    assert found["annotations"] == ""


def test_a_blank_image_is_flat_whatever_its_grey():
    rng = np.random.default_rng(0)
    image = rng.integers(118, 122, (64, 64)).astype(np.uint8)
    assert measure(image)["flat_share"] >= BLANK_SHARE
    image[:8] = rng.integers(0, 256, (8, 64))
    assert measure(image)["flat_share"] < BLANK_SHARE


def test_one_row_per_image_in_the_order_of_the_manifest(folder_dataset):
    seen = []
    facts = image_facts(folder_dataset, progress=lambda done, total: seen.append((done, total)))
    assert list(facts.columns) == list(FACT_COLUMNS)
    assert facts["image_id"].tolist() == folder_dataset.manifest["image_id"].tolist()
    assert facts["mode"].tolist() == ["L"] * 3 + ["RGB"] * 3
    assert seen == [(n, 6) for n in range(1, 7)]
    alone = measure(folder_dataset.read_image(facts["image_id"][4]))
    assert facts.loc[4, "mean"] == alone["mean"]


def test_small_images_are_null_not_clean(tmp_path, save_image):
    save_image(tmp_path / "set" / "a" / "1.png", size=(60, 50))
    save_image(tmp_path / "set" / "b" / "2.png", size=(20, 12))
    facts = image_facts(load_dataset("folder", options={"path": str(tmp_path / "set")}))
    assert facts["annotations"].isna().tolist() == [False, True]
    assert facts["annotation_share"].isna().tolist() == [False, True]


def test_the_second_call_reads_the_cache(folder_dataset, tmp_path, monkeypatch):
    first = cached_facts(folder_dataset, folder=tmp_path / "cache")
    monkeypatch.setattr(facts_cache, "image_facts", None)
    again = cached_facts(folder_dataset, folder=tmp_path / "cache")
    pd.testing.assert_frame_equal(first, again)  # dtypes too: they stand in the files of a store


def test_a_changed_image_has_another_address(folder_dataset, tmp_path, save_image):
    before = facts_path(folder_dataset, folder=tmp_path)
    save_image(tmp_path / "set" / "a" / "0.png", seed=99, size=(60, 50), mode="L")
    after = load_dataset("folder", options={"path": str(tmp_path / "set")})
    assert facts_path(after, folder=tmp_path) != before


def test_a_damaged_cache_is_made_anew(folder_dataset, tmp_path):
    first = cached_facts(folder_dataset, folder=tmp_path)
    path = facts_path(folder_dataset, folder=tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    again = cached_facts(folder_dataset, folder=tmp_path)
    pd.testing.assert_frame_equal(first, again)
    assert len(path.read_bytes()) > 100


def test_a_cache_that_cannot_be_written_costs_time_only(folder_dataset, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    assert len(cached_facts(folder_dataset, folder=blocker)) == 6
