"""One folder per class: what it gives and what it refuses."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from data.readers.folder import load_folder


def test_folder_per_class(tmp_path, save_image):
    values = save_image(tmp_path / "cats" / "1.png", seed=1, mode="L")
    save_image(tmp_path / "cats" / "1_mask.png", seed=2, mode="L")
    save_image(tmp_path / "dogs" / "1.jpg", seed=3)
    save_image(tmp_path / "dogs" / "a_mask.png", seed=4)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "dogs" / "notes.txt").write_text("x")
    dataset = load_folder(tmp_path)
    assert dataset.manifest["image_id"].tolist() == ["cats/1", "dogs/1", "dogs/a_mask"]
    assert dataset.info.classes == ("cats", "dogs")
    assert dataset.info.class_counts == {"cats": 1, "dogs": 2}
    assert np.array_equal(dataset.read_image("cats/1"), values)
    assert dataset.read_mask("cats/1").shape == (12, 20)


def test_folder_that_is_none(tmp_path, save_image):
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*nothing'. Check `path`"):
        load_folder(tmp_path / "nothing")
    save_image(tmp_path / "cats" / "1.png")
    with pytest.raises(NotADirectoryError, match=r"is a file, but a folder with one sub-folder per class"):
        load_folder(tmp_path / "cats" / "1.png")
    with pytest.raises(ValueError, match=r"needs at least two class folders with images, but has cats"):
        load_folder(tmp_path)
    (tmp_path / "dogs").mkdir()
    with pytest.raises(ValueError, match=r"The class folder '.*dogs' has no image .\.png"):
        load_folder(tmp_path)


def test_folder_with_one_name_twice(tmp_path, save_image):
    for name in ("cats/1.png", "cats/1.bmp", "dogs/1.png"):
        save_image(tmp_path / name)
    with pytest.raises(ValueError, match=r"Image 'cats/1' is listed 2 times .class cats"):
        load_folder(tmp_path)


def test_a_linked_image_in_two_classes_is_refused(tmp_path, save_image):
    save_image(tmp_path / "cats" / "1.png")
    save_image(tmp_path / "dogs" / "2.png")
    (tmp_path / "dogs" / "1.png").symlink_to(tmp_path / "cats" / "1.png")
    with pytest.raises(
        ValueError, match=r"Image 'dogs/1' stands in 2 classes .cats, dogs.; an image has one class"
    ):
        load_folder(tmp_path)


def test_unicode_and_spaces_in_names_are_kept(tmp_path, save_image):
    save_image(tmp_path / "gutartig ü" / "Bild 1 (ä).png", seed=1)
    save_image(tmp_path / "悪性" / "画像.png", seed=2)
    dataset = load_folder(tmp_path)
    assert dataset.manifest["image_id"].tolist() == ["gutartig ü/Bild 1 (ä)", "悪性/画像"]
    assert dataset.read_image("悪性/画像").shape == (12, 20, 3)


def test_a_folder_that_may_not_be_read_is_named(tmp_path, save_image, monkeypatch):
    save_image(tmp_path / "cats" / "1.png")
    save_image(tmp_path / "dogs" / "1.png")
    scandir = os.scandir

    def _refuse(path):
        if Path(path).name == "dogs":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", _refuse)
    with pytest.raises(PermissionError, match=r"folder '.*dogs' may not be read .Permission denied.\. Give"):
        load_folder(tmp_path)


def test_a_file_in_the_place_of_a_class_folder_is_no_class(tmp_path, save_image):
    save_image(tmp_path / "cats" / "1.png")
    (tmp_path / "dogs").write_text("not a folder")
    with pytest.raises(ValueError, match=r"needs at least two class folders with images, but has cats"):
        load_folder(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"needs at least two class folders with images, but has none"):
        load_folder(tmp_path)
