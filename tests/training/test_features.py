"""Feature cache: what the key covers, damaged and missing files, independence of chunks, frozen trunks."""

import hashlib
import json

import numpy as np
import pytest
import torch
from torch import nn

from training.augment import augment
from training.backbones import build_trunk, freeze_trunk
from training.feature_key import CHUNK, GroupImages, feature_key
from training.features import FeatureCache
from training.frozen import FrozenChangedError
from training.preprocess import preprocess

SIZE = 32
N = 45
CPU = torch.device("cpu")


class TinyTrunk(nn.Module):
    """A convolution with BatchNorm, pooled to four features; counts the images it saw."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(3, 4, 5, stride=3)
        self.norm = nn.BatchNorm2d(4)
        self.seen = 0
        self.requires_grad_(False).eval()

    def forward(self, x):
        self.seen += len(x)
        return torch.relu(self.norm(self.conv(x))).mean((2, 3))


def make_group(n=N, seed=0, channels=1):
    images = np.random.default_rng(seed).integers(0, 256, (n, channels, SIZE, SIZE), dtype=np.uint8)
    rows = np.random.default_rng(1).permutation(n)
    first, second = n // 2, 3 * n // 4
    parts = {"train": rows[:first], "val": rows[first:second], "test": rows[second:]}
    return GroupImages(
        images=images,
        image_ids=[f"i{k}" for k in range(n)],
        rows={part: np.sort(chosen) for part, chosen in parts.items()},
    )


def key_of(group, **changes):
    options = {
        "augmentation": "paper",
        "preprocessing": "caffe",
        "backbone": "ResNet18",
        "weights_sha256": "0" * 64,
        "device": CPU,
        **changes,
    }
    return feature_key(group, **options)


def make_cache(folder, group, **changes):
    return FeatureCache(folder, key_of(group, **changes))


def complete(cache, group, trunk, *, epochs=2, **options):
    cache.complete(group, epochs=epochs, load_trunk=lambda: trunk, device=CPU, **options)
    return {path.name: path.read_bytes() for path in sorted(cache.folder.glob("*.npy"))}


@pytest.fixture(scope="module")
def group():
    return make_group()


def state_hash(module):
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def test_files_hold_the_trunks_features_in_manifest_order(tmp_path, group):
    cache = make_cache(tmp_path, group)
    trunk = TinyTrunk()
    assert set(complete(cache, group, trunk)) == {"train_000.npy", "train_001.npy", "val.npy", "test.npy"}
    ids = [group.image_ids[row] for row in group.rows["train"]]
    images = torch.from_numpy(group.images[group.rows["train"]])
    for epoch in (0, 1):
        moved = augment(images, ids, name="paper", epoch=epoch)
        expected = trunk(preprocess(moved, "caffe"))
        torch.testing.assert_close(cache.load("train", epoch), expected, rtol=1e-5, atol=1e-6)
    plain = trunk(preprocess(torch.from_numpy(group.images[group.rows["val"]]), "caffe"))
    torch.testing.assert_close(cache.load("val"), plain, rtol=1e-5, atol=1e-6)
    assert cache.load("test").dtype == torch.float32


def test_meta_says_what_the_key_was_hashed_from(tmp_path, group):
    cache = make_cache(tmp_path, group)
    complete(cache, group, TinyTrunk())
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert meta["augmentation"] == "paper"
    assert meta["images_per_part"] == {"train": 22, "val": 11, "test": 12}
    assert meta["torch"] == torch.__version__


@pytest.mark.parametrize(
    "changes",
    [
        {"augmentation": "none"},
        {"preprocessing": "imagenet-rgb"},
        {"backbone": "ResNet50"},
        {"weights_sha256": "1" * 64},
        {"stream_seed": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_key_changes_with_every_input(changes, group):
    assert key_of(group, **changes).group_key() != key_of(group).group_key()


def test_key_covers_pixels_ids_and_split(group):
    key = key_of(group).group_key()
    assert key == key_of(make_group()).group_key()
    assert len(key) == 16
    pixels = make_group()
    pixels.images[3, 0, 5, 5] ^= 1
    renamed = GroupImages(images=group.images, image_ids=[f"j{k}" for k in range(N)], rows=group.rows)
    swapped = {**group.rows, "val": group.rows["test"], "test": group.rows["val"]}
    resplit = GroupImages(images=group.images, image_ids=group.image_ids, rows=swapped)
    assert key not in {key_of(other).group_key() for other in (pixels, renamed, resplit)}


class Progress:
    def __init__(self):
        self.seen, self.notes = [], []

    def features(self, done, total):
        self.seen.append((done, total))

    def note(self, text):
        self.notes.append(text)


def test_complete_cache_needs_no_trunk(tmp_path, group):
    cache = make_cache(tmp_path, group)
    complete(cache, group, TinyTrunk())
    progress = Progress()

    def no_trunk():
        raise AssertionError("nothing is missing")

    cache.complete(group, epochs=2, load_trunk=no_trunk, device=CPU, progress=progress)
    assert progress.seen == [(67, 67)]
    assert progress.notes == []


@pytest.mark.parametrize("damage", ["truncated", "altered", "absent", "no hash", "empty", "not numpy"])
def test_damaged_file_alone_is_computed_again(damage, tmp_path, group):
    cache = make_cache(tmp_path, group)
    whole = complete(cache, group, TinyTrunk())
    path = tmp_path / "train_001.npy"
    content = whole[path.name]
    if damage == "absent":
        path.unlink()
    elif damage == "no hash":
        path.with_suffix(".sha256").unlink()
    else:
        spoiled = {
            "truncated": content[:-4],
            "altered": content[:-1] + b"\x00",
            "empty": b"",
            "not numpy": b"abc",
        }
        path.write_bytes(spoiled[damage])
    trunk, progress = TinyTrunk(), Progress()
    assert complete(cache, group, trunk, progress=progress) == whole
    told = [f"damaged features are computed again: {tmp_path.name}/train_001.npy"]
    assert progress.notes == ([] if damage in ("absent", "no hash") else told)
    assert trunk.seen == -(-22 // CHUNK) * CHUNK  # the 22 training images of one epoch, in whole chunks


def test_more_epochs_extend_the_cache(tmp_path, group):
    cache = make_cache(tmp_path, group)
    first = complete(cache, group, TinyTrunk(), epochs=1)
    trunk = TinyTrunk()
    second = complete(cache, group, trunk, epochs=3)
    assert {name: second[name] for name in first} == first
    assert trunk.seen == 2 * -(-22 // CHUNK) * CHUNK


def test_without_augmentation_one_file_serves_all_epochs(tmp_path, group):
    cache = make_cache(tmp_path, group, augmentation="none")
    assert set(complete(cache, group, TinyTrunk(), epochs=5)) == {"train_000.npy", "val.npy", "test.npy"}
    assert torch.equal(cache.load("train", 4), cache.load("train", 0))


def test_reading_is_memory_mapped_and_missing_parts_are_named(tmp_path, group):
    cache = make_cache(tmp_path, group)
    with pytest.raises(
        FileNotFoundError, match=r"val\.npy' is missing from the feature cache; run the grid again"
    ):
        cache.load("val")
    complete(cache, group, TinyTrunk())
    loaded = cache.load("val")
    loaded[0, 0] = 99.0  # copy-on-write: the file stays as it is
    assert cache.load("val")[0, 0] != 99.0


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_number_of_workers_changes_no_bit(workers, tmp_path, group):
    one = complete(make_cache(tmp_path / "a", group), group, TinyTrunk(), workers=1)
    assert complete(make_cache(tmp_path / "b", group), group, TinyTrunk(), workers=workers) == one


@pytest.mark.parametrize("backbone", ["ResNet18", "DenseNet121"])
def test_features_do_not_depend_on_the_other_images_and_the_trunk_stays_frozen(backbone, tmp_path, group):
    torch.manual_seed(0)
    trunk = freeze_trunk(build_trunk(backbone))
    before = state_hash(trunk)
    whole = make_cache(tmp_path / "whole", group, augmentation="none")
    complete(whole, group, trunk, epochs=1)
    assert state_hash(trunk) == before
    fewer = {**group.rows, "train": group.rows["train"][5:], "test": group.rows["test"][:1]}
    part = GroupImages(images=group.images, image_ids=group.image_ids, rows=fewer)
    alone = make_cache(tmp_path / "alone", part, augmentation="none")
    complete(alone, part, trunk, epochs=1)
    assert torch.equal(alone.load("train"), whole.load("train")[5:])
    assert torch.equal(alone.load("test"), whole.load("test")[:1])


def test_live_trunk_is_refused(tmp_path, group):
    cache = make_cache(tmp_path, group)
    with pytest.raises(ValueError, match="The trunk is in train mode"):
        complete(cache, group, TinyTrunk().train())
    with pytest.raises(ValueError, match="parameters that take gradients"):
        complete(cache, group, TinyTrunk().requires_grad_(True))


def test_features_that_are_not_finite_are_refused_with_the_images(tmp_path, group):
    trunk = TinyTrunk()
    trunk.conv.bias.fill_(float("inf"))
    with pytest.raises(ValueError, match=r"not finite for 11 of 11 val images \(first: 'i\d+'"):
        complete(make_cache(tmp_path, group), group, trunk, workers=1)
    assert not list(tmp_path.glob("*.npy"))


def test_interrupted_pass_keeps_whole_files_only(tmp_path, group):
    class Interrupted(TinyTrunk):
        def forward(self, x):
            if self.seen >= 2 * CHUNK:
                raise KeyboardInterrupt
            return super().forward(x)

    cache = make_cache(tmp_path, group)
    with pytest.raises(KeyboardInterrupt):
        complete(cache, group, Interrupted(), workers=1)
    assert {path.name for path in tmp_path.glob("*.npy")} == {"val.npy", "test.npy"}
    expected = complete(make_cache(tmp_path / "new", group), group, TinyTrunk())
    assert complete(cache, group, TinyTrunk()) == expected


def test_a_trunk_that_changes_leaves_no_features(tmp_path, group):
    class Drifting(TinyTrunk):
        def forward(self, x):
            self.norm.running_mean.add_(0.01)  # a buffer, so no parameter and no gradient gives it away
            return super().forward(x)

    cache = make_cache(tmp_path, group)
    with pytest.raises(FrozenChangedError, match="The frozen trunk changed while it was frozen"):
        complete(cache, group, Drifting())
    assert list(tmp_path.glob("*.npy")) == []
