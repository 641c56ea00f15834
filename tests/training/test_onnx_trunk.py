"""ONNX Runtime as backend: close to torch, the same bits each time, and never mixed with torch."""

import numpy as np
import pandas as pd
import pytest
import torch

from data.store import Store
from training import onnx_trunk as module
from training.backbones import build_trunk, freeze_trunk
from training.backends import backend_description, check_backend, on_backend
from training.feature_key import CHUNK, GroupImages, feature_key
from training.features import FeatureCache
from training.group import run_group
from training.settings import CellJob, CellSettings
from training.weights import Weights

SIZE = 64
N = 40
CPU = torch.device("cpu")
PARTS = np.array(["train"] * 24 + ["val"] * 8 + ["test"] * 8)


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(0)
    return freeze_trunk(build_trunk("ResNet18"))


@pytest.fixture(scope="module")
def group():
    images = np.random.default_rng(0).integers(0, 256, (N, 1, SIZE, SIZE), dtype=np.uint8)
    rows = {part: np.flatnonzero(part == PARTS) for part in ("train", "val", "test")}
    return GroupImages(images=images, image_ids=[f"i{k}" for k in range(N)], rows=rows)


@pytest.fixture(scope="module")
def exported(trunk, group):
    return on_backend("onnx", trunk, group, preprocessing="caffe")


def make_cache(folder, group, backend):
    key = feature_key(
        group,
        augmentation="paper",
        preprocessing="caffe",
        backbone="ResNet18",
        weights_sha256="0" * 64,
        device=CPU,
        backend=backend_description(backend),
    )
    return FeatureCache(folder, key)


def complete(cache, group, trunk, workers=1):
    cache.complete(group, epochs=2, load_trunk=lambda: trunk, device=CPU, workers=workers)
    return {path.name: path.read_bytes() for path in sorted(cache.folder.glob("*.npy"))}


def test_features_equal_those_of_torch_within_the_tolerance(tmp_path, group, trunk, exported):
    onnx = make_cache(tmp_path / "onnx", group, "onnx")
    eager = make_cache(tmp_path / "torch", group, "torch")
    complete(onnx, group, exported)
    complete(eager, group, trunk)
    for part, epoch in (("train", 0), ("train", 1), ("val", 0), ("test", 0)):
        found, expected = onnx.load(part, epoch), eager.load(part, epoch)
        assert (found - expected).abs().max() <= module.TOLERANCE * expected.abs().max()
        assert expected.std() > 0


def test_bits_depend_neither_on_workers_nor_on_the_export(tmp_path, group, trunk, exported):
    first = complete(make_cache(tmp_path / "a", group, "onnx"), group, exported)
    again = on_backend("onnx", trunk, group, preprocessing="caffe")
    assert complete(make_cache(tmp_path / "b", group, "onnx"), group, again, workers=3) == first


def test_the_key_names_the_backend_with_its_version(tmp_path, group):
    onnx, eager = (make_cache(tmp_path, group, name).key for name in ("onnx", "torch"))
    assert onnx.group_key() != eager.group_key()
    import onnxruntime

    assert f"onnxruntime {onnxruntime.__version__}" in onnx.backend
    assert eager.backend == "torch channels_last float32"


def test_another_network_than_the_exported_one_is_refused_with_the_numbers(trunk, group, monkeypatch):
    whole = module._exported
    torch.manual_seed(5)
    other = freeze_trunk(build_trunk("ResNet18"))
    monkeypatch.setattr(module, "_exported", lambda trunk, images: whole(other, images))
    with pytest.raises(ValueError, match=r"differ from torch's by up to \d.*allowed is a share of 0\.0001"):
        on_backend("onnx", trunk, group, preprocessing="caffe")


@pytest.mark.parametrize("factor", [1.0 + 0.5e-4, 1.0 + 2e-4, np.nan])
def test_the_tolerance_is_relative_to_the_largest_feature(factor):
    expected = np.array([[1000.0, 0.1]], dtype=np.float32)
    if factor < 1.0001:
        module._check_close(expected * np.float32(factor), expected)
    else:
        with pytest.raises(ValueError, match="differ from torch's"):
            module._check_close(expected * np.float32(factor), expected)


def test_backend_is_refused_where_it_cannot_run(monkeypatch):
    with pytest.raises(ValueError, match="`backend` is 'tensorrt'; allowed are torch, onnx"):
        check_backend("tensorrt", CPU)
    with pytest.raises(ValueError, match="runs on the CPU, but the device is cuda"):
        check_backend("onnx", torch.device("cuda"))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    check_backend("torch", CPU)
    with pytest.raises(ModuleNotFoundError, match=r"needs onnx and onnxruntime.*transfer-study\[onnx\]"):
        check_backend("onnx", CPU)


def test_a_group_trains_on_onnx_features_and_says_so(tmp_path, group, trunk):
    settings = CellSettings(
        task="breast", seed=0, fold=0, pretrain="random", backbone="ResNet18", head="Linear",
        lr_decay="cosine", fc_ratio=None, filters=None, epochs=2, batch_size=8, image_size=SIZE, lr=1e-3,
        lr_decay_factor=None, dropout=None, kernel_size=None, unfreeze=0, optimizer="adam",
        weight_decay=1e-5, amp=False, frozen_batchnorm="eval", checkpoint="val_auc",
        preprocessing="caffe", augmentation="paper",
    )  # fmt: skip
    weights = Weights(
        name="random", backbone="ResNet18", sha256="0" * 64, source="drawn in the test", path=None,
        preprocessing="caffe",
    )  # fmt: skip
    ids = list(group.image_ids)
    labels = (np.arange(N) % 2).astype("int8")
    manifest = pd.DataFrame({"image_id": ids, "group_id": [None] * N, "label": labels})
    split = pd.DataFrame({"image_id": ids, "split": PARTS})
    store = Store.create(tmp_path)
    rows = {}
    for backend in ("torch", "onnx"):
        (outcome,) = run_group(
            [CellJob(cell_id=f"cell{backend}", index=0, settings=settings)], images=group.images,
            manifest=manifest, split=split, weights=weights, store=store, device="cpu", backend=backend,
            load_trunk=lambda _: trunk,
        )  # fmt: skip
        assert outcome.status == "done", outcome.reason
        rows[backend] = store.cells().set_index("cell_id").loc[f"cell{backend}"]
    assert [rows[name]["backend"] for name in rows] == ["torch", "onnx"]
    assert rows["torch"]["group_key"] != rows["onnx"]["group_key"]
    logits = store.read_predictions(cell_ids=["celltorch", "cellonnx"]).pivot(
        index=["split", "image_id"], columns="cell_id", values="logit_1"
    )
    assert np.allclose(logits["cellonnx"], logits["celltorch"], atol=1e-3)
    assert (PARTS == "val").sum() < CHUNK  # so that the check on validation images had to fill its chunk
