"""Weights levels: strict loaders on files in the documented layouts, hashes, and a usable random level."""

import contextlib
import hashlib
import os
import pickle
from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from training import weights_files
from training.backbones import build_trunk
from training.preprocess import preprocess
from training.weights import load_backbone, resolve_weights, weights_available
from training.weights_files import PUBLIC_FILES, default_weights_dir
from training.weights_random import calibration_images, initial_tensors, random_trunk
from training.weights_read import read_tensors, trunk_from_file


@pytest.fixture(autouse=True)
def _no_hub_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))


def _network(backbone: str) -> nn.Module:
    """A whole torchvision network, classifier included, as torchvision itself saves it."""
    if backbone == "InceptionV3":
        return models.inception_v3(weights=None, init_weights=False)
    return getattr(models, backbone.lower())(weights=None)


@lru_cache(maxsize=3)
def _kept_state(backbone: str) -> dict[str, torch.Tensor]:
    return _network(backbone).state_dict()


def _state(backbone: str) -> dict[str, torch.Tensor]:
    """State dict of a network with its classifier; a fresh dict, shared tensors."""
    return dict(_kept_state(backbone))


def _radimagenet_state(backbone: str) -> dict[str, torch.Tensor]:
    """The layout of RadImageNet's PyTorch files: Sequential of the children up to the pooling."""
    if backbone == "InceptionV3":
        network = models.inception_v3(weights=None, init_weights=False, aux_logits=False)
    else:
        network = _network(backbone)
    kept = {"ResNet18": 9, "ResNet50": 9, "DenseNet121": 1, "InceptionV3": 18}[backbone]

    class Backbone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Sequential(*list(network.children())[:kept])

    return Backbone().state_dict()


# right files


@pytest.mark.parametrize("backbone", ["ResNet18", "DenseNet121", "InceptionV3"])
def test_torchvision_layout_loads_every_tensor(backbone, tmp_path):
    state = _state(backbone)
    torch.save(state, tmp_path / "own.pth")
    trunk = trunk_from_file(tmp_path / "own.pth", backbone)
    loaded = trunk.net.state_dict()
    assert loaded.keys() == build_trunk(backbone).net.state_dict().keys()
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)


@pytest.mark.parametrize("backbone", ["ResNet50", "DenseNet121", "InceptionV3"])
def test_radimagenet_layout_loads_every_tensor(backbone, tmp_path):
    state = _radimagenet_state(backbone)
    folder = tmp_path / "RadImageNet_pytorch"
    folder.mkdir()
    torch.save(state, folder / f"{backbone}.pt")
    weights = resolve_weights("RadImageNet", backbone, weights_dir=tmp_path)
    trunk = load_backbone(weights)
    # Registration order is the same in both layouts, so tensors pair up by position.
    values = list(trunk.net.state_dict().values())
    assert len(values) == len(state)
    assert all(torch.equal(a, b) for a, b in zip(values, state.values(), strict=True))
    assert weights.preprocessing == "undocumented"


def test_old_densenet_names_load(tmp_path):
    state = _state("DenseNet121")
    old = {}
    for name, tensor in state.items():
        if "denselayer" in name:
            for part in ("norm1", "norm2", "conv1", "conv2"):
                name = name.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.")
        if not name.endswith("num_batches_tracked"):
            old[name] = tensor
    torch.save(old, tmp_path / "old.pth")
    loaded = trunk_from_file(tmp_path / "old.pth", "DenseNet121").net.state_dict()
    name = "features.denseblock3.denselayer7.conv2.weight"
    assert torch.equal(loaded[name], state[name])


def test_safetensors_equals_pth(tmp_path):
    state = _state("ResNet18")
    save_file(state, tmp_path / "own.safetensors")
    torch.save(state, tmp_path / "own.pth")
    a = trunk_from_file(tmp_path / "own.safetensors", "ResNet18").state_dict()
    b = trunk_from_file(tmp_path / "own.pth", "ResNet18").state_dict()
    assert all(torch.equal(a[name], b[name]) for name in b)


# wrong files


def test_file_of_another_network_names_that_network(tmp_path):
    torch.save(_state("ResNet18"), tmp_path / "own.pth")
    with pytest.raises(
        ValueError, match=r"does not fit ResNet50: .* It is a file of ResNet18: set `backbone`"
    ):
        trunk_from_file(tmp_path / "own.pth", "ResNet50")


def test_missing_keys_are_counted_and_named(tmp_path):
    state = _state("ResNet18")
    for name in ("conv1.weight", "layer4.1.bn2.running_var"):
        del state[name]
    torch.save(state, tmp_path / "own.pth")
    message = r"2 of 100 tensors are missing \(conv1.weight, layer4.1.bn2.running_var\)"
    with pytest.raises(ValueError, match=message):
        trunk_from_file(tmp_path / "own.pth", "ResNet18")


def test_extra_keys_are_counted_and_named(tmp_path):
    state = _state("ResNet18") | {"head.weight": torch.zeros(2)}
    torch.save(state, tmp_path / "own.pth")
    with pytest.raises(ValueError, match=r"1 do not belong to it \(head.weight\)"):
        trunk_from_file(tmp_path / "own.pth", "ResNet18")


def test_radimagenet_file_with_auxiliary_head_is_refused(tmp_path):
    # Children of a network built with the auxiliary head are numbered one higher after position 15.
    network = models.inception_v3(weights=None, init_weights=False)
    state = nn.Sequential(*list(network.children())[:19]).state_dict(prefix="backbone.")
    torch.save(state, tmp_path / "own.pt")
    with pytest.raises(ValueError, match="does not fit InceptionV3"):
        trunk_from_file(tmp_path / "own.pt", "InceptionV3")


def test_other_shape_is_named(tmp_path):
    state = _state("ResNet18")
    state["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    torch.save(state, tmp_path / "own.pth")
    with pytest.raises(ValueError, match=r"conv1.weight \(64, 1, 7, 7\) for \(64, 3, 7, 7\)"):
        trunk_from_file(tmp_path / "own.pth", "ResNet18")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_truncated_file(suffix, kept, tmp_path):
    path = tmp_path / f"own{suffix}"
    state = _state("ResNet18")
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    size = path.stat().st_size
    os.truncate(path, int(kept * size) if isinstance(kept, float) else kept)
    with pytest.raises(ValueError, match="is truncated or not a"):
        trunk_from_file(path, "ResNet18")


class _Payload:
    def __reduce__(self):
        return os.mkdir, ("pickled-code-ran",)


@pytest.mark.parametrize("legacy", [True, False])
def test_pickle_with_code_is_refused_and_not_run(legacy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"conv1.weight": _Payload()}
    if legacy:
        (tmp_path / "own.pth").write_bytes(pickle.dumps(content, protocol=4))
    else:
        torch.save(content, tmp_path / "own.pth")
    with pytest.raises(ValueError, match="could run code when loaded; it was refused"):
        trunk_from_file(tmp_path / "own.pth", "ResNet18")
    assert not (tmp_path / "pickled-code-ran").exists()


def test_checkpoint_with_other_entries_is_refused(tmp_path):
    torch.save({"epoch": 3, "state_dict": _state("ResNet18")}, tmp_path / "own.pth")
    with pytest.raises(ValueError, match=r"entries that are no tensors \(epoch, state_dict\)"):
        trunk_from_file(tmp_path / "own.pth", "ResNet18")


def test_nan_is_refused(tmp_path):
    state = _state("ResNet18")
    state["bn1.running_var"] = torch.full((64,), float("nan"))
    torch.save(state, tmp_path / "own.pth")
    with pytest.raises(ValueError, match=r"not finite in 1 tensors \(bn1.running_var\)"):
        trunk_from_file(tmp_path / "own.pth", "ResNet18")


def test_unknown_suffix_and_missing_file(tmp_path):
    (tmp_path / "own.h5").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"ends in '.h5'; weights files end in .pt, .pth, .safetensors"):
        trunk_from_file(tmp_path / "own.h5", "ResNet18")
    with pytest.raises(FileNotFoundError, match="There is no weights file"):
        trunk_from_file(tmp_path / "none.pt", "ResNet18")


# levels


@pytest.mark.parametrize("level", ["ImageNet", "RadImageNet"])
def test_absent_public_file_gives_the_exact_steps(level, tmp_path):
    file = next(f for f in PUBLIC_FILES if (f.level, f.backbone) == (level, "ResNet50"))
    available, steps = weights_available(level, "ResNet50", tmp_path)
    assert not available
    with pytest.raises(FileNotFoundError) as raised:
        resolve_weights(level, "ResNet50", weights_dir=tmp_path)
    for text in (file.url, f"{file.size_mb:g} MB", str(tmp_path / file.name)):
        assert text in steps
        assert text in str(raised.value)


def test_imagenet_file_with_wrong_content_is_refused(tmp_path):
    torch.save(_state("ResNet18"), tmp_path / "resnet18-f37072fd.pth")
    with pytest.raises(ValueError, match="truncated or altered: its SHA-256 begins with"):
        resolve_weights("ImageNet", "ResNet18", weights_dir=tmp_path)


def test_imagenet_file_is_found_in_the_hub_cache(tmp_path, monkeypatch):
    folder = weights_files.hub_cache_dir()
    folder.mkdir(parents=True)
    (folder / "resnet18-f37072fd.pth").write_bytes(b"")
    assert weights_available("ImageNet", "ResNet18", tmp_path)[0]
    assert str(folder).startswith(str(tmp_path))


def test_hub_cache_is_where_torch_puts_it(monkeypatch, tmp_path):
    for variables in ({"TORCH_HOME": str(tmp_path)}, {"XDG_CACHE_HOME": str(tmp_path)}):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert str(weights_files.hub_cache_dir()) == os.path.join(torch.hub.get_dir(), "checkpoints")  # noqa: PTH118


def _served_from(monkeypatch, url):
    """The public ResNet18 of ImageNet has another address."""
    file = replace(weights_files.public_file("ImageNet", "ResNet18"), url=url)
    monkeypatch.setattr(weights_files, "PUBLIC_FILES", (file,))


def test_failed_download_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch):
    _served_from(monkeypatch, "https://127.0.0.1:9/resnet18-f37072fd.pth")
    with pytest.raises(
        FileNotFoundError, match=r"cannot be downloaded here: .* it cannot be reached .* Fetch resnet18"
    ):
        resolve_weights("ImageNet", "ResNet18", weights_dir=tmp_path, allow_make=True)
    assert list(tmp_path.iterdir()) == []


def test_download_with_another_hash_is_not_kept(tmp_path, monkeypatch, https_server):
    _served_from(monkeypatch, https_server.serve("/resnet18-f37072fd.pth", b"not the weights"))
    with pytest.raises(ValueError, match="but f37072fd was expected; nothing was kept"):
        resolve_weights("ImageNet", "ResNet18", weights_dir=tmp_path / "w", allow_make=True)
    assert list((tmp_path / "w").iterdir()) == []


def test_download_that_broke_goes_on_and_has_the_published_hash(tmp_path, https_server):
    content = bytes(range(256)) * 1000
    url = https_server.serve("/ResNet50.pt", content, etag='"one"', cut_after=[100_000])
    digest = hashlib.sha256(content).hexdigest()
    file = replace(weights_files.public_file("RadImageNet", "ResNet50"), url=url, sha256=digest)
    path = weights_files.fetch_weights_file(file, tmp_path)
    assert path == tmp_path / "RadImageNet_pytorch" / "ResNet50.pt"
    assert path.read_bytes() == content
    assert https_server.requests[1]["Range"] == "bytes=100000-"


def test_own_file_records_its_hash_and_is_checked_again(tmp_path):
    path = tmp_path / "own.pth"
    torch.save(_state("ResNet18"), path)
    weights = resolve_weights(f"file:{path}", "ResNet18", weights_dir=tmp_path)
    assert len(weights.sha256) == 64
    relative = resolve_weights("file:own.pth", "ResNet18", weights_dir=tmp_path)
    assert relative.sha256 == weights.sha256
    torch.save(_state("ResNet18") | {"conv1.weight": torch.ones(64, 3, 7, 7)}, path)
    with pytest.raises(ValueError, match="has changed since the study began"):
        load_backbone(weights)


def test_unknown_level_backbone_and_combination(tmp_path):
    with pytest.raises(
        ValueError, match="Unknown `pretrain` level 'imagenet'; available: ImageNet, RadImageNet"
    ):
        resolve_weights("imagenet", "ResNet50", weights_dir=tmp_path)
    with pytest.raises(ValueError, match="Unknown backbone 'resnet50'"):
        resolve_weights("ImageNet", "resnet50", weights_dir=tmp_path)
    with pytest.raises(
        ValueError, match="no RadImageNet weights for ResNet18; they exist for ResNet50, DenseNet121"
    ):
        resolve_weights("RadImageNet", "ResNet18", weights_dir=tmp_path)
    assert weights_available("RadImageNet", "ResNet18", tmp_path)[0] is False
    with pytest.raises(FileNotFoundError, match="which is not a file"):
        resolve_weights("file:none.pt", "ResNet50", weights_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="study weights make-phantom --backbone ResNet18"):
        resolve_weights("phantom", "ResNet18", weights_dir=tmp_path)


def test_default_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDY_WEIGHTS", str(tmp_path))
    assert default_weights_dir() == tmp_path
    monkeypatch.delenv("STUDY_WEIGHTS")
    assert default_weights_dir().parts[-3:] == (".cache", "study", "weights")


# random


EXPECTED_FIRST = [-0.15426596999168396, -0.0017451822059229016, -0.12654490768909454]


def test_random_initialisation_is_the_same_on_every_machine():
    # Written once; NumPy's PCG64 gives these bits everywhere. A change is a new recipe.
    weight = initial_tensors("ResNet18")["conv1.weight"]
    assert weight[0, 0, 0, :3].tolist() == pytest.approx(EXPECTED_FIRST, rel=1e-6)


def test_random_trunk_gives_finite_features_of_unit_order():
    trunk = random_trunk("ResNet18")
    x = preprocess(calibration_images()[:16], "caffe")
    with torch.no_grad():
        features = trunk(x)
        uncalibrated = build_trunk("ResNet18").eval()
        uncalibrated.net.load_state_dict(initial_tensors("ResNet18"), strict=False)
        wild = uncalibrated(x)
    assert torch.isfinite(features).all()
    assert 0.05 < features.std(0).mean() < 2.0
    assert 0.05 < features.mean() < 2.0
    assert (features.std(0) > 1e-3).float().mean() > 0.95, "features that never vary carry nothing"
    # Without calibration the same tensors give features of another order of magnitude.
    assert not 0.05 < wild.std(0).mean() < 2.0


def test_random_hash_covers_backbone_and_seed(tmp_path):
    from training.weights_random import random_sha256

    hashes = {random_sha256("ResNet18"), random_sha256("ResNet18", seed=1), random_sha256("ResNet50")}
    assert len(hashes) == 3
    assert resolve_weights("random", "ResNet18", weights_dir=tmp_path).sha256 in hashes


@pytest.mark.parametrize("damage", [b"u", b"X", b"\x8c", b"(", b"0", b"}]"])
def test_an_old_file_with_damaged_instructions_is_named(damage, tmp_path):
    path = tmp_path / "old.pt"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    refused = 0
    for at in range(len(content) - 100, len(content) - 20, 7):
        path.write_bytes(content[:at] + damage + content[at + len(damage) :])
        with contextlib.suppress(ValueError):
            read_tensors(path)
            continue
        refused += 1
    assert refused > 0
