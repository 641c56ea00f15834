"""Duplicates are searched once per set of images."""

import pandas as pd
import pytest

from data.audit import cache
from data.audit.cache import cached_duplicates
from data.audit.duplicates import find_duplicates
from tests.data.audit.images import dataset_of, phantoms


@pytest.fixture(scope="module")
def images():
    found = phantoms("breast", n_patients=8, size=64)
    return {**found, "z copy": next(iter(found.values()))}


def _forbid(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("searched again")

    monkeypatch.setattr(cache, "find_duplicates", refuse)


def test_the_second_call_reads_what_the_first_found(images, tmp_path, monkeypatch):
    dataset = dataset_of(images)
    first = cached_duplicates(dataset, folder=tmp_path)
    pd.testing.assert_frame_equal(first, find_duplicates(dataset), check_dtype=False)
    assert [path.parent for path in tmp_path.rglob("*.parquet")] == [tmp_path / "audit"]
    _forbid(monkeypatch)
    pd.testing.assert_frame_equal(cached_duplicates(dataset, folder=tmp_path), first)


def test_other_images_are_searched_for_themselves(images, tmp_path, monkeypatch):
    cached_duplicates(dataset_of(images), folder=tmp_path)
    _forbid(monkeypatch)
    fewer = {image_id: image for image_id, image in images.items() if image_id != "z copy"}
    with pytest.raises(AssertionError, match="searched again"):
        cached_duplicates(dataset_of(fewer), folder=tmp_path)


def test_another_version_of_the_algorithm_searches_again(images, tmp_path, monkeypatch):
    cached_duplicates(dataset_of(images), folder=tmp_path)
    monkeypatch.setattr(cache, "ALGORITHM", cache.ALGORITHM + 1)
    _forbid(monkeypatch)
    with pytest.raises(AssertionError, match="searched again"):
        cached_duplicates(dataset_of(images), folder=tmp_path)


def test_a_damaged_file_is_made_again(images, tmp_path):
    first = cached_duplicates(dataset_of(images), folder=tmp_path)
    (path,) = tmp_path.rglob("*.parquet")
    path.write_bytes(b"PAR1 broken")
    pd.testing.assert_frame_equal(cached_duplicates(dataset_of(images), folder=tmp_path), first)
    assert path.stat().st_size > 100


def test_the_default_folder_is_named_by_the_environment(images, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "here"))
    cached_duplicates(dataset_of(images))
    assert list((tmp_path / "here" / "audit").glob("duplicates-*.parquet"))


def test_without_duplicates_the_table_keeps_its_columns(images, tmp_path):
    fewer = {image_id: image for image_id, image in images.items() if image_id != "z copy"}
    for _ in range(2):
        pairs = cached_duplicates(dataset_of(fewer), folder=tmp_path)
        assert list(pairs.columns) == list(cache.PAIR_COLUMNS)
        assert pairs.empty


def test_a_folder_that_cannot_be_written_costs_the_cache_and_not_the_result(images, tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    found = cached_duplicates(dataset_of(images), folder=tmp_path / "file")
    pd.testing.assert_frame_equal(found, cached_duplicates(dataset_of(images), folder=tmp_path / "cache"))
