"""The arithmetic of bench_shared_features.py: what is measured at the paper's counts is not scaled."""

import pytest

from benchmarks import bench_shared_features as bench
from benchmarks.shared_features.task import PAPER_TASKS

BREAST = PAPER_TASKS["breast"]
PASSES = 5 * 585 + 117 + 78
FOUND = {
    "counts": {"train": 585, "val": 117, "test": 78},
    "features": 300.0,
    "passes": PASSES,
    "decode_ms": 5.0,
    "augment_ms": 1.0,
    "preprocess_ms": 0.5,
    "trunk_load": 1.0,
    "after": 0.5,
}
HEADS = {"heads": 120.0, "alone": 220.0}


def test_a_group_at_the_papers_counts_takes_what_was_measured():
    parts = bench.group_seconds(FOUND, HEADS, BREAST)
    assert bench.wall(parts) == pytest.approx(300 + 120 + 1.5 + 0.005 * 780)
    assert parts["augment"] == pytest.approx((0.001 * 5 * 585 + 0.0005 * PASSES) / 2)


def test_heads_of_another_task_grow_with_its_steps():
    parts = bench.group_seconds(FOUND, HEADS, PAPER_TASKS["acl"])  # 12 steps per epoch instead of 10
    assert parts["heads"] == pytest.approx(144)
    assert parts["heads_alone"] == pytest.approx(264)


def test_cells_alone_pass_their_images_each():
    once, every = bench.alone_hours({"features": 1.0, "passes": 10}, 36.0, BREAST)
    assert once == pytest.approx((22 * PASSES * 0.1 + 36) / 3600)
    assert every == pytest.approx((22 * (PASSES + 4 * 117) * 0.1 + 36) / 3600)


def test_the_plain_loop_is_scaled_by_image_and_by_step():
    steps = {"('Linear', None, None)": 1.0, "other": 3.0}
    plain = {"seconds": 101.0, "images": 100, "head_steps": steps}
    images = 22 * (5 * (585 + 117) + 78)
    assert bench.plain_hours(plain, BREAST) == pytest.approx((images * 1.0 + 2 * 4.0 * 50) / 3600)


def test_the_cache_of_the_grid_is_below_200_megabytes():
    assert bench.cache_megabytes() == pytest.approx(2 * (3120 + 4081) * 3072 * 4 / 1e6)
    assert bench.cache_megabytes() < 200
