"""`study predict`: the stored numbers again, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.store import Store
from tests.data.dicom_files import write_dicom

STUDY = """
name = "files"
[tasks.lesion]
dataset = "folder"
positive = ["bad"]
options = {{ path = "{images}", window = [1000, 1500] }}
split = {{ train = 0.5, val = 0.2, test = 0.3 }}
[factors]
head = ["Linear", "NonLinear"]
[protocol]
pretrain = "file:{weights}"
backbone = "ResNet18"
epochs = 1
batch_size = 8
image_size = 48
fc_ratio = 0.25
lr = 1e-2
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """40 files of two classes: PNG, one of them grey, and some DICOM files of 12 bits."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(7)
    for k in range(40):
        folder = root / ("bad" if k % 2 else "good")
        folder.mkdir(exist_ok=True)
        pixels = rng.integers(0, 160 + 80 * (k % 2), size=(40 + k, 60, 3)).astype(np.uint8)
        if k % 5 == 3 and k > 3:
            write_dicom(folder / f"{k:02d}.dcm", pixels[..., 0].astype(np.uint16) * 16)
        else:
            Image.fromarray(pixels[..., 0] if k == 3 else pixels).save(folder / f"{k:02d}.png")
    return root


@pytest.fixture(scope="module")
def store(tmp_path_factory, images, other_weights, study_command) -> Store:
    folder = tmp_path_factory.mktemp("files")
    path = folder / "files.toml"
    path.write_text(STUDY.format(images=images, weights=other_weights), encoding="utf-8")
    result = study_command("run-grid", path, "--store", folder / "store", "--no-gradcam", "--device", "cpu")
    assert result.exit_code == 0, result.output
    return Store.open(folder / "store")


@pytest.fixture(scope="module")
def checkpoint(store: Store) -> Path:
    (path,) = (store.root / "checkpoints").iterdir()
    return path


def test_the_test_images_get_their_stored_numbers_bit_for_bit(
    store, checkpoint, images, study_command, tmp_path
):
    stored = store.read_predictions(cell_ids=[checkpoint.stem], splits=("test",))
    manifest = store.read_manifest("lesion").set_index("image_id")
    files = [images / manifest.loc[name, "path"] for name in stored["image_id"]]
    assert any(file.suffix == ".dcm" for file in files)  # read with the window of the task
    out = tmp_path / "scores.parquet"
    result = study_command("predict", checkpoint, *files, "--device", "cpu", "--out", out)
    assert result.exit_code == 0, result.output
    assert "score: probability of bad" in result.stderr
    found = pd.read_parquet(out)
    assert found["image"].tolist() == [str(file) for file in files]
    for name in ("score", "logit_0", "logit_1"):
        np.testing.assert_array_equal(found[name].to_numpy(), stored[name].to_numpy())


def test_a_folder_is_scored_as_a_whole_and_one_image_alone_nearly_the_same(checkpoint, images, study_command):
    result = study_command("predict", checkpoint, images, "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    rows = {row["image"]: row for row in content["predictions"]}
    assert len(rows) == 40
    assert content["positive"] == ["bad"]
    file = images / "good" / "04.png"
    alone = json.loads(study_command("predict", checkpoint, file, "--device", "cpu", "--json").stdout)
    (row,) = alone["predictions"]
    assert row["logit_1"] == pytest.approx(rows[str(file)]["logit_1"], rel=1e-5)


def test_unreadable_images_are_named_and_the_others_scored(checkpoint, images, study_command, tmp_path):
    shutil.copy(images / "good" / "00.png", tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no image")
    shutil.copy(tmp_path / "a.png", tmp_path / "a_mask.png")
    result = study_command("predict", checkpoint, tmp_path, "--device", "cpu")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "image,score,logit_0,logit_1"
    assert len(lines) == 2
    assert f"not scored {tmp_path / 'c.png'}: it has 0 bytes" in result.stderr
    assert f"not scored {tmp_path / 'b.png'}: " in result.stderr
    assert "notes.txt" not in result.output
    assert "a_mask" not in result.output


def test_other_weights_are_refused(store, checkpoint, images, other_weights, study_command, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(checkpoint, framework="pt") as file:
        metadata = json.loads(file.metadata()["study"])
    forged = tmp_path / "forged.safetensors"
    changed = {**metadata, "weights_sha256": "0" * 64}
    save_file(load_file(checkpoint), forged, metadata={"study": json.dumps(changed)})
    result = study_command("predict", forged, images)
    assert result.exit_code == 2
    assert "with SHA-256 000" in result.output
    assert metadata["weights_sha256"] in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{checkpoint}", "/no/such/image.png"], "There is no file or folder '/no/such/image.png'"),
        (["{empty}/x.safetensors", "{images}"], "There is no checkpoint"),
        (["{images}/good/00.png", "{images}"], "is no checkpoint of a cell"),
        (["{checkpoint}", "{empty}"], "holds no image; files must end in .png"),
        (["{checkpoint}", "{images}", "--out", "scores.xlsx"], "must end in .csv or .parquet"),
        (["{checkpoint}", "{images}", "--device", "tpu"], "`device` is 'tpu'"),
    ],
)
def test_bad_input_is_one_message(arguments, message, checkpoint, images, study_command, tmp_path):
    places = {"checkpoint": checkpoint, "images": images, "empty": tmp_path}
    result = study_command("predict", *(argument.format(**places) for argument in arguments))
    assert result.exit_code == 2
    assert message in result.output


def test_a_trained_trunk_and_joined_pretrainings_predict_as_they_were_scored(
    images, other_weights, study_command, tmp_path
):
    text = STUDY.format(images=images, weights=other_weights)
    text = text.replace('head = ["Linear", "NonLinear"]', 'head = ["Linear"]')
    own = f'pretrain = "file:{other_weights}"\n'
    for name, settings in (
        ("trained", 'pretrain = "random"\nunfreeze = 1\n'),
        ("joined", f'pretrain = "random+file:{other_weights}"\n'),
    ):
        path = tmp_path / f"{name}.toml"
        path.write_text(text.replace(own, settings), encoding="utf-8")
        root = tmp_path / name
        result = study_command("run-grid", path, "--store", root, "--no-gradcam", "--device", "cpu")
        assert result.exit_code == 0, result.output
        store = Store.open(root)
        (checkpoint,) = (root / "checkpoints").iterdir()
        stored = store.read_predictions(cell_ids=[checkpoint.stem], splits=("test",))
        manifest = store.read_manifest("lesion").set_index("image_id")
        files = [images / manifest.loc[name, "path"] for name in stored["image_id"]]
        result = study_command("predict", checkpoint, *files, "--device", "cpu", "--json")
        assert result.exit_code == 0, result.output
        found = [row["logit_1"] for row in json.loads(result.stdout)["predictions"]]
        np.testing.assert_allclose(found, stored["logit_1"], rtol=1e-4, atol=1e-5)
