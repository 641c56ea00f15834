"""Grad-CAM: the closed form, the choice of images, and what a stored cell leaves on disk."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from data.phantoms.generate import load_phantoms
from data.store import Store
from training.checkpoints import head_metadata, save_checkpoint
from training.gradcam import INDEX_COLUMNS, KINDS, choose_images, explained_cells, gradcam_for_cell
from training.heads import build_head
from training.heatmaps import average_maps, energy_in_mask, layer_gradcam
from training.metrics import positive_score
from training.overlay import SIDE, overlay_png
from training.preprocess import preprocess
from training.settings import CellSettings
from training.weights import load_backbone, resolve_weights

CELL = "0123456789ab"


# Maps


class _TinyNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.conv1 = nn.Conv2d(3, 5, 3, padding=1)
        self.conv2 = nn.Conv2d(5, 4, 3, stride=2)
        self.fc = nn.Linear(4, 2)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5, generator=generator)

    def forward(self, x):
        a = torch.relu(self.conv1(x))
        b = torch.relu(self.conv2(a))
        return self.fc(b.mean(dim=(2, 3)))


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_layer_map_equals_the_closed_form(layer):
    model = _TinyNet().eval().requires_grad_(False)
    x = torch.randn(6, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([0, 1, 0, 1, 1, 0])
    found = layer_gradcam(model, getattr(model, layer), x, target)

    kept = {}
    handle = getattr(model, layer).register_forward_hook(lambda m, i, out: kept.update(a=out))
    logits = model(x.clone().requires_grad_(True))
    handle.remove()
    gradient = torch.autograd.grad(logits[torch.arange(6), target].sum(), kept["a"])[0]
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    expected = torch.relu((weights * kept["a"]).sum(dim=1))
    assert (expected > 0).any()
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-6)


def test_average_gives_both_layers_the_same_mass():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 3, 3, generator=generator), 1000 * torch.rand(2, 6, 6, generator=generator)
    both = average_maps({"a": a, "b": b}, size=12)
    alone = (average_maps({"a": a}, size=12) + average_maps({"b": b}, size=12)) / 2
    torch.testing.assert_close(both, alone)
    torch.testing.assert_close(both.sum(dim=(1, 2)), torch.ones(2))


def test_layer_without_evidence_is_left_out():
    a, zero = torch.rand(1, 4, 4), torch.zeros(1, 2, 2)
    assert torch.equal(average_maps({"a": a, "b": zero}, size=8), average_maps({"a": a}, size=8))
    assert torch.equal(average_maps({"a": zero}, size=8), torch.zeros(1, 8, 8))


def test_energy_in_mask_by_hand():
    heat = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert energy_in_mask(heat, np.array([[False, True], [False, True]])) == pytest.approx(0.6)
    assert energy_in_mask(heat, np.ones((2, 2), dtype=bool)) == 1.0
    assert np.isnan(energy_in_mask(np.zeros((2, 2)), np.ones((2, 2), dtype=bool)))
    with pytest.raises(ValueError, match=r"`heat` has shape \(2, 2\), `mask` \(3, 3\)"):
        energy_in_mask(heat, np.ones((3, 3), dtype=bool))


def test_overlay_has_one_size_and_leaves_cold_places_alone():
    image = np.full((1, 48, 48), 90, dtype=np.uint8)
    heat = np.zeros((48, 48), dtype=np.float32)
    heat[30:40, 30:40] = 2.0
    pixels = np.asarray(Image.open(_buffer(overlay_png(image, heat))))
    assert pixels.shape == (SIDE, SIDE, 3)
    assert (pixels[:100, :100] == 90).all()
    hot = pixels[SIDE * 35 // 48, SIDE * 35 // 48]
    assert hot[0] > 150 > hot[2], "the hottest place is yellow"
    with pytest.raises(ValueError, match=r"`image` must be uint8 with shape"):
        overlay_png(image.astype(float), heat)


def _buffer(content):
    import io

    return io.BytesIO(content)


# Choice of images


def test_most_confident_of_each_kind_are_chosen():
    frame = pd.DataFrame(
        {
            "cell_id": CELL,
            "image_id": list("abcdefg"),
            "label": [1, 1, 1, 0, 0, 1, 0],
            "logit_0": 0.0,
            # b saturates the score as a does; d, e are right negatives; f is a miss; g a tie = negative
            "logit_1": [40.0, 50.0, 1.0, -2.0, -3.0, -1.0, 0.0],
        }
    )
    frame["score"] = positive_score(frame[["logit_0", "logit_1"]].to_numpy())
    chosen = choose_images(frame, per_kind=2)
    assert list(zip(chosen["kind"], chosen["image_id"], strict=True)) == [
        ("true positive", "b"),
        ("true positive", "a"),
        ("true negative", "e"),
        ("true negative", "d"),
        ("false negative", "f"),
    ]
    shuffled = choose_images(frame.sample(frac=1.0, random_state=4), per_kind=2)
    pd.testing.assert_frame_equal(shuffled, chosen)
    with pytest.raises(ValueError, match="`per_kind` is 0; allowed are whole numbers from 1"):
        choose_images(frame, per_kind=0)


# A stored cell


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A store with one cell: a head with its initial weights, its predictions and its checkpoint."""
    store = Store.create(tmp_path_factory.mktemp("gradcam"))
    weights = resolve_weights("random", "ResNet18", weights_dir=store.root)
    data = load_phantoms("breast", n_patients=10, size=64, difficulty=0.2, seed=3)
    manifest = data.manifest.assign(label=(data.manifest["class"] == "malignant").astype("int8"))
    images = np.stack([data.read_image(i) for i in manifest["image_id"]])[:, None]
    settings = _settings()
    head = build_head(settings, 512).eval()
    trunk = load_backbone(weights)
    with torch.no_grad():
        logits = head(trunk(preprocess(torch.from_numpy(images), "caffe")))
        # The middle of the margins becomes the threshold, so that all kinds occur.
        head.fc1.bias[1] -= (logits[:, 1] - logits[:, 0]).median()
        logits = head(trunk(preprocess(torch.from_numpy(images), "caffe"))).numpy()
    predictions = pd.DataFrame(
        {
            "cell_id": CELL, "seed": 0, "fold": 0,
            "split": ["val" if i < 4 else "test" for i in range(len(images))],
            "image_id": manifest["image_id"], "group_id": manifest["group_id"], "label": manifest["label"],
            "score": positive_score(logits), "logit_0": logits[:, 0], "logit_1": logits[:, 1],
        }
    )  # fmt: skip
    row = {"cell_id": CELL, "index": 0, "status": "done", "reason": None, **settings.to_dict()}
    store.write_cell(row, predictions, None)
    metadata = head_metadata(settings, cell_id=CELL, n_features=512, weights_sha256=weights.sha256, epoch=0)
    save_checkpoint(store.checkpoint_path(CELL), head.state_dict(), metadata)
    return store, {
        "images": images, "manifest": manifest, "weights": weights, "read_mask": data.read_mask
    }  # fmt: skip


def _settings():
    return CellSettings(
        task="breast", seed=0, fold=0, pretrain="random", backbone="ResNet18", head="Linear",
        lr_decay="cosine", fc_ratio=None, filters=None, epochs=1, batch_size=8, image_size=64, lr=1e-3,
        lr_decay_factor=None, dropout=None, kernel_size=None, unfreeze=0, optimizer="adam",
        weight_decay=0.0, amp=False,
        frozen_batchnorm="eval", checkpoint="val_auc", preprocessing="caffe", augmentation="none",
    )  # fmt: skip


def test_cell_leaves_pictures_maps_and_index(stored):
    store, given = stored
    rows = gradcam_for_cell(store, CELL, **given)
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
        assert maps["heat"].shape == (len(rows), 64, 64)
        assert (maps["heat"] >= 0).all()
        sums = maps["heat"].sum(axis=(1, 2))
        assert np.all(np.isclose(sums, 1.0, atol=1e-4) | (sums == 0))
        assert set(maps.files) == {"image_id", "heat", "peak_layer3", "peak_layer4"}


def test_energy_is_null_without_a_lesion(stored):
    store, given = stored
    rows = gradcam_for_cell(store, CELL, **given)
    normal = rows["true_class"] == "normal"
    assert rows.loc[normal, ["energy_in_mask", "mask_share"]].isna().all(axis=None)
    assert rows.loc[~normal, "mask_share"].between(0.0, 1.0, inclusive="neither").all()
    without = gradcam_for_cell(store, CELL, **{**given, "read_mask": None})
    assert without["energy_in_mask"].isna().all()


def test_same_cell_twice_gives_the_same_bytes(stored):
    store, given = stored
    rows = gradcam_for_cell(store, CELL, **given)
    names = [*rows["image_path"], *rows["overlay_path"]]
    first = {name: (store.gradcam_dir() / name).read_bytes() for name in names}
    gradcam_for_cell(store, CELL, **given)
    assert all((store.gradcam_dir() / name).read_bytes() == content for name, content in first.items())


def test_deleted_picture_makes_the_cell_unexplained(stored):
    store, given = stored
    rows = gradcam_for_cell(store, CELL, **given)
    (store.gradcam_dir() / rows["overlay_path"].iloc[0]).unlink()
    assert explained_cells(store) == set()


def test_other_images_are_refused(stored):
    store, given = stored
    wrong = {**given, "images": given["images"][::-1].copy()}
    with pytest.raises(ValueError, match=r"The rebuilt model scores '.*' 0\.\d+, but the store holds"):
        gradcam_for_cell(store, CELL, **wrong)


def test_input_that_does_not_fit_is_named(stored, tmp_path):
    store, given = stored
    other = resolve_weights("random", "ResNet50", weights_dir=tmp_path)
    with pytest.raises(
        ValueError, match=r"was trained with random weights of ResNet18, SHA-256 .* Use the weights"
    ):
        gradcam_for_cell(store, CELL, **{**given, "weights": other})
    with pytest.raises(ValueError, match=r"`images` has 3 images, `manifest` \d+ rows"):
        gradcam_for_cell(store, CELL, **{**given, "images": given["images"][:3]})
    with pytest.raises(ValueError, match="was trained on 64 px images; given were 32 x 32"):
        gradcam_for_cell(store, CELL, **{**given, "images": given["images"][:, :, :32, :32]})
    half = len(given["images"]) // 2
    part = {**given, "images": given["images"][:half], "manifest": given["manifest"].iloc[:half]}
    with pytest.raises(ValueError, match="the manifest lacks"):
        gradcam_for_cell(store, CELL, **part, per_kind=50)
    with pytest.raises(FileNotFoundError, match="There is no checkpoint"):
        gradcam_for_cell(store, "ba9876543210", **given)


def test_store_without_gradcam_has_no_explained_cells(tmp_path):
    assert explained_cells(Store.create(tmp_path / "empty")) == set()
