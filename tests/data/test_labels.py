"""Classes to labels, and what cannot be a task."""

import pandas as pd
import pytest

from data.labels import with_labels

MANIFEST = pd.DataFrame({"image_id": list("abcd"), "class": ["benign", "malignant", "normal", "benign"]})


def test_positive_classes_are_one_and_the_rest_zero():
    frame = with_labels(MANIFEST, ["malignant", "normal"])
    assert frame["label"].tolist() == [0, 1, 1, 0]
    assert frame["label"].dtype == "int8"
    assert "label" not in MANIFEST


@pytest.mark.parametrize(
    ("positive", "message"),
    [
        (
            ["cancer"],
            "`positive` names 'cancer', but the classes of this data set are benign, malignant, normal",
        ),
        ([], "`positive` is empty. Name at least one of the classes benign"),
        (["benign", "malignant", "normal"], "Every image is positive: .* shorten `positive`"),
    ],
)
def test_impossible_positive_is_explained(positive, message):
    with pytest.raises(ValueError, match=message):
        with_labels(MANIFEST, positive)


def test_a_text_instead_of_a_list_is_refused():
    with pytest.raises(TypeError, match=r"`positive` must be a list of classes, not the text 'malignant'"):
        with_labels(MANIFEST, "malignant")


def test_one_class_alone_is_no_task():
    with pytest.raises(ValueError, match=r"Every image is positive: the classes present are benign"):
        with_labels(MANIFEST[MANIFEST["class"] == "benign"], ["benign"])
