"""What printed figures and the number of test images determine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.published_grid import TEST_IMAGES, load_printed_tables, load_published_grid
from manuscript.published.from_summaries import ImageCounts, reconstructed_mcnemar, summary_values
from stats.rates.mcnemar import mcnemar_counts

TEXTS = {(row.table, row.row, row.quantity): row.printed for row in load_printed_tables().itertuples()}


def test_mcnemar_counts_of_the_paper() -> None:
    """15 and 1 discordant images for ACL, 7 and 3 for breast; the exact and mid-p values follow."""
    found = {
        task: reconstructed_mcnemar(TEXTS, task, ImageCounts(n_positive=m, n_negative=n))
        for task, (m, n) in TEST_IMAGES.items()
    }
    assert {task: (r.only_a, r.only_b, r.n) for task, r in found.items()} == {
        "acl": (15, 1, 103),
        "breast": (7, 3, 78),
    }
    assert found["acl"].p_exact == pytest.approx(0.00052, abs=5e-6)
    assert found["breast"].p_mid == pytest.approx(0.227, abs=5e-4)


@given(st.integers(0, 40), st.integers(0, 12), st.integers(0, 12), st.integers(0, 40), st.data())
def test_counts_are_found_again_from_rounded_figures(
    both: int, only_a: int, only_b: int, neither: int, data: st.DataObject
) -> None:
    """Rounded as in the paper, accuracies and statistic give back the statistic of the true counts."""
    n = both + only_a + only_b + neither
    if n < 2 or abs(only_a - only_b) < 2:
        return
    truth = mcnemar_counts(both, only_a, only_b, neither)
    texts = {
        ("9", "t ImageNet", "test accuracy"): f"{(both + only_a) / n:.4f}",
        ("9", "t RadImageNet", "test accuracy"): f"{(both + only_b) / n:.4f}",
        ("14", "t", "chi-square"): f"{truth.statistic_corrected:.6f}",
    }
    positive = data.draw(st.integers(1, n - 1))
    found = reconstructed_mcnemar(texts, "t", ImageCounts(n_positive=positive, n_negative=n - positive))
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert (found.both_correct, found.both_wrong) == (both, neither)


def test_every_auc_of_the_grid_is_a_possible_one() -> None:
    grid = load_published_grid()
    for task, (m, n) in TEST_IMAGES.items():
        images = ImageCounts(n_positive=m, n_negative=n)
        aucs = grid.loc[grid["task"] == task, "test_auc"]
        assert np.allclose(aucs, [images.nearest_auc(auc) for auc in aucs], rtol=0, atol=1e-9)
        rates = grid.loc[grid["task"] == task, ["test_accuracy", "test_f1"]]
        for accuracy, f1 in rates.itertuples(index=False):
            correct = images.nearest_correct(accuracy)
            assert correct / images.n == pytest.approx(accuracy, abs=1e-12)
            assert images.nearest_f1(f1, n_correct=correct) == pytest.approx(f1, abs=1e-12)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("8", "acl", "AUC ImageNet"), "0.9968"),
        (("9", "breast ImageNet", "test accuracy"), "0.9100"),
        (("9", "acl ImageNet", "test F1"), "0.9730"),
        (("14", "breast", "chi-square"), "0.85"),
    ],
)
def test_a_figure_that_the_test_set_does_not_allow_differs(key: tuple[str, str, str], text: str) -> None:
    computed = summary_values(TEXTS | {key: text}, TEST_IMAGES)[key].value
    assert isinstance(computed, float)
    decimals = len(text.partition(".")[2])
    assert f"{computed:.{decimals}f}" != text
    unchanged = summary_values(TEXTS, TEST_IMAGES)[key].value
    assert f"{unchanged:.{len(TEXTS[key].partition('.')[2])}f}" == TEXTS[key]
