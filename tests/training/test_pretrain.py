"""The level `phantom`: cached once, deterministic, better than random, safe with two processes."""

import os
import threading

import numpy as np
import pytest
import torch

from data.phantoms.generate import load_phantoms
from training import pretrain
from training.backbones import build_trunk
from training.pretrain import CLASSES, PretrainRecipe, make_phantom_weights, phantom_images, pretrain_trunk
from training.threads import torch_threads
from training.weights import load_backbone, phantom_path, resolve_weights, weights_available
from training.weights_random import tensors_sha256

TINY = PretrainRecipe(n_images=40, size=64, window=32, epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    steps = []
    weights = make_phantom_weights(
        "ResNet18", weights_dir=folder, recipe=TINY, progress=lambda done, total: steps.append((done, total))
    )
    return folder, weights, steps


def test_made_weights_load_and_are_found_again(made):
    folder, weights, _ = made
    assert weights_available("phantom", "ResNet18", folder)[0]
    again = resolve_weights("phantom", "ResNet18", weights_dir=folder)
    assert again == weights
    assert weights.preprocessing == "caffe"
    trunk = load_backbone(weights)
    assert tensors_sha256(trunk.net.state_dict()) == weights.sha256
    assert not any(p.requires_grad for p in trunk.parameters())


def test_a_second_call_reads_the_cache(made, monkeypatch):
    folder, weights, _ = made
    changed = phantom_path("ResNet18", folder).stat().st_mtime_ns

    def never(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(pretrain, "pretrain_trunk", never)
    assert make_phantom_weights("ResNet18", weights_dir=folder) == weights
    assert phantom_path("ResNet18", folder).stat().st_mtime_ns == changed


def test_progress_ends_at_the_total(made):
    _, _, steps = made
    done = [d for d, _ in steps]
    assert done == sorted(done)
    assert steps[-1] == (80, 80)


def test_same_recipe_gives_the_same_tensors(made):
    _, weights, _ = made
    torch.manual_seed(5)  # neither the global stream nor the number of threads may matter
    with torch_threads(2 if torch.get_num_threads() == 1 else 1):
        again = pretrain_trunk("ResNet18", TINY)
    assert tensors_sha256(again.net.state_dict()) == weights.sha256
    other = pretrain_trunk("ResNet18", PretrainRecipe(**{**_fields(TINY), "seed": 1}))
    assert tensors_sha256(other.net.state_dict()) != weights.sha256


def _fields(recipe):
    return {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}


def test_training_moves_every_weight_tensor(made):
    _, weights, _ = made
    trained = load_backbone(weights).net.state_dict()
    from training.weights_random import initial_tensors

    start = initial_tensors("ResNet18")
    assert all(not torch.equal(trained[name], start[name]) for name in start)


def test_images_are_balanced_and_not_those_of_a_data_set():
    images, centres, labels = phantom_images(TINY)
    assert images.shape == (40, 1, 64, 64)
    assert images.dtype == torch.uint8
    assert torch.bincount(labels).tolist() == [8] * len(CLASSES)
    assert ((centres >= 0) & (centres < 64)).all()
    drawn = {image.numpy().tobytes() for image in images}
    assert len(drawn) == 40
    for kind in ("breast", "knee"):
        data = load_phantoms(kind, n_patients=10, size=64, difficulty=0.2, seed=0)
        assert drawn.isdisjoint(data.read_image(i).tobytes() for i in data.manifest["image_id"])


def test_damaged_file_is_refused(made, tmp_path):
    _, weights, _ = made
    copy = phantom_path("ResNet18", tmp_path)
    content = bytearray(weights.path.read_bytes())
    content[-3] ^= 1
    copy.write_bytes(content)
    damaged = resolve_weights("phantom", "ResNet18", weights_dir=tmp_path)
    with pytest.raises(ValueError, match="is damaged: its tensors have SHA-256"):
        load_backbone(damaged)
    copy.write_bytes(content[:100])
    with pytest.raises(ValueError, match=r"truncated or was not made by this program\. Delete it"):
        resolve_weights("phantom", "ResNet18", weights_dir=tmp_path)


def test_file_of_another_backbone_is_refused(made, tmp_path):
    _, weights, _ = made
    phantom_path("ResNet50", tmp_path).write_bytes(weights.path.read_bytes())
    with pytest.raises(ValueError, match="holds phantom weights of ResNet18"):
        resolve_weights("phantom", "ResNet50", weights_dir=tmp_path)


def test_two_at_once_train_once(tmp_path, monkeypatch):
    calls = []

    def slow(backbone, recipe, *, progress=None):
        calls.append(backbone)
        return build_trunk(backbone)

    monkeypatch.setattr(pretrain, "pretrain_trunk", slow)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(make_phantom_weights("ResNet18", weights_dir=tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["ResNet18"]
    assert found[0] == found[1]


def test_failed_training_leaves_no_file(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pretrain, "pretrain_trunk", broken)
    with pytest.raises(KeyboardInterrupt):
        make_phantom_weights("ResNet18", weights_dir=tmp_path)
    assert not phantom_path("ResNet18", tmp_path).exists()


def test_unknown_backbone_and_unwritable_folder(tmp_path):
    with pytest.raises(ValueError, match="Unknown backbone 'VGG16'; available: ResNet18"):
        make_phantom_weights("VGG16", weights_dir=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=os.sep + "file"):
        make_phantom_weights("ResNet18", weights_dir=tmp_path / "file")


@pytest.mark.slow
def test_phantom_features_separate_classes_better_than_random(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from training.preprocess import preprocess
    from training.weights_random import random_trunk

    trunks = {
        "random": random_trunk("ResNet18"),
        "phantom": load_backbone(make_phantom_weights("ResNet18", weights_dir=tmp_path)),
    }
    for kind, positive in (("breast", "malignant"), ("knee", "torn")):
        data = load_phantoms(kind, n_patients=200, size=96, difficulty=0.5, seed=31)
        manifest = data.manifest
        label = (manifest["class"] == positive).to_numpy()
        train = manifest["group_id"].to_numpy() < "p00100"
        images = torch.from_numpy(np.stack([data.read_image(i) for i in manifest["image_id"]])[:, None])
        auc = {}
        for name, trunk in trunks.items():
            with torch.no_grad():
                features = torch.cat([trunk(preprocess(part, "caffe")) for part in images.split(64)]).numpy()
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
            score = model.fit(features[train], label[train]).decision_function(features[~train])
            auc[name] = roc_auc_score(label[~train], score)
        assert auc["phantom"] > auc["random"] + 0.1, (kind, auc)
