"""A small data set on disk with one of every defect."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from data.registry import load_dataset


def _drawn(pixels, text):
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).text((10, 60), text, fill=230, font=ImageFont.load_default(12))
    return np.asarray(image)


@pytest.fixture(scope="session")
def defective_root(tmp_path_factory):
    """40 phantoms of 20 patients in two classes, and with them:

    the copy of a benign image among the malignant, a blank image, one with text, a broken file, and a patient
    with images of both classes. `images.csv` lists all.
    """
    root = tmp_path_factory.mktemp("defective")
    phantoms = load_dataset("phantom-breast", options={"n_patients": 60, "size": 96, "seed": 9})
    ids = phantoms.manifest["image_id"].tolist()
    images = {f"i{n:02d}": phantoms.read_image(ids[2 * n]) for n in range(40)}
    images["i39"] = images["i00"]
    images["i05"] = np.full((96, 96), 40, dtype=np.uint8)
    images["i07"] = _drawn(images["i07"], "RT AXILLA")
    lines = ["path,label,patient"]
    for n, (name, pixels) in enumerate(images.items()):
        Image.fromarray(pixels).save(root / f"{name}.png")
        lines.append(f"{name}.png,{'benign' if n < 20 else 'malignant'},p{n // 2 if n != 20 else 9:02d}")
    (root / "broken.png").write_bytes(b"no image")
    (root / "images.csv").write_text("\n".join([*lines, "broken.png,benign,p30"]))
    (root / "sound.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="session")
def defective(defective_root):
    """The data set with its broken file."""
    return load_dataset(
        "manifest", data_root=defective_root, options={"path": "images.csv"}, unreadable="list"
    )


STUDY = """
name = "defective"
[tasks.lesion]
dataset = "manifest"
options = { path = "sound.csv" }
positive = ["malignant"]
split = { train = 0.5, val = 0.2, test = 0.3, group = "image", seed = 1 }
[factors]
pretrain = ["random"]
backbone = ["ResNet18"]
head = ["Linear"]
"""


@pytest.fixture(scope="session")
def defective_study(tmp_path_factory):
    """A study that divides these images one by one, so that patients straddle."""
    path = tmp_path_factory.mktemp("study") / "defective.toml"
    path.write_text(STUDY)
    return path
