"""Which images are shown and compared."""

import pandas as pd
import pytest

from study.gradcam.choice import choose_images, sample_images, with_kind


def _frame():
    margins = [40.0, 50.0, 1.0, -2.0, -3.0, -1.0, 0.0]
    # c is a false positive; d, e are right negatives; f is a miss; g, a tie, counts as negative
    return pd.DataFrame({"image_id": list("abcdefg"), "label": [1, 1, 0, 0, 0, 1, 0], "margin": margins})


def test_most_confident_of_each_kind_are_chosen():
    chosen = choose_images(_frame(), per_kind=2)
    assert list(zip(chosen["kind"], chosen["image_id"], strict=True)) == [
        ("true positive", "b"),
        ("true positive", "a"),
        ("true negative", "e"),
        ("true negative", "d"),
        ("false positive", "c"),
        ("false negative", "f"),
    ]
    shuffled = choose_images(_frame().sample(frac=1.0, random_state=4), per_kind=2)
    pd.testing.assert_frame_equal(shuffled, chosen)
    with pytest.raises(ValueError, match="`per_kind` is 0; allowed are whole numbers from 1"):
        choose_images(_frame(), per_kind=0)


def test_a_tie_is_a_negative_prediction():
    assert with_kind(_frame()).set_index("image_id").loc["g", "kind"] == "true negative"


def test_a_sample_does_not_depend_on_order_or_on_the_images_left_out():
    ids = [f"image{i}" for i in range(50)]
    chosen = sample_images(ids, 10)
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen) != ids[:10]
    assert sample_images(ids[::-1], 10) == chosen
    without = [name for name in ids if name in chosen or int(name[5:]) % 2]
    assert sample_images(without, 10) == chosen
    assert sample_images(ids[:4], 10) == sorted(ids[:4])
    with pytest.raises(ValueError, match="The number of images is 1; allowed are whole numbers from 2"):
        sample_images(ids, 1)
