import numpy as np
import pandas as pd

from manuscript.figures.learning import curve_ranges, learning_curves
from tests.manuscript.layout import layout_faults

LABELS = pd.DataFrame({"cell_id": list("abcd"), "task": "breast", "arm": ["A", "A", "A", "B"]})


def _history(losses: dict[str, list[float]]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "cell_id": cell,
                "epoch": range(len(values)),
                **dict.fromkeys(("train_loss", "val_loss", "train_auc", "val_auc"), values),
            }
        )
        for cell, values in losses.items()
    ]
    return pd.concat(parts, ignore_index=True)


HISTORY = _history({"a": [0.5, 0.6], "b": [0.7, 0.9], "c": [0.9, 0.7], "d": [0.4, 0.3]})


def _at(frame: pd.DataFrame, arm: str, epoch: int) -> tuple[float, float, float, int]:
    row = frame.query("arm == @arm and epoch == @epoch and measure == 'Loss' and part == 'validation'")
    row = row.iloc[0]
    return row["value"], row["low"], row["high"], row["n"]


def test_the_line_is_the_median_and_the_band_the_range_over_seeds() -> None:
    frame = curve_ranges(HISTORY, LABELS)
    assert _at(frame, "A", 1) == (0.7, 0.5, 0.9, 3)
    assert _at(frame, "A", 2) == (0.7, 0.6, 0.9, 3)
    assert _at(frame, "B", 2) == (0.3, 0.3, 0.3, 1)


def test_a_seed_that_stopped_early_or_diverged_takes_no_part_in_later_epochs() -> None:
    history = _history({"a": [0.5], "b": [0.7, np.inf], "c": [0.9, 0.8], "d": [0.4, np.nan]})
    frame = curve_ranges(history, LABELS)
    assert _at(frame, "A", 2) == (0.8, 0.8, 0.8, 1)
    assert np.isnan(_at(frame, "B", 2)[0])
    plot = learning_curves(history, LABELS, contrast="pretrain", arms=["A", "B"])
    assert plot.labels.caption == "4 values are undefined and left open."
    assert layout_faults(plot) == []


def test_a_band_is_drawn_for_several_seeds_alone() -> None:
    several = learning_curves(HISTORY, LABELS, contrast="pretrain", arms=["A", "B"])
    single = learning_curves(HISTORY, LABELS.iloc[[0, 3]], contrast="pretrain", arms=["A", "B"])
    for plot, expected in ((several, {"A"}), (single, set())):
        bands = [layer.geom.data for layer in plot.layers if type(layer.geom).__name__ == "geom_ribbon"]
        assert {arm for band in bands for arm in band["arm"]} == expected
        assert layout_faults(plot) == []
