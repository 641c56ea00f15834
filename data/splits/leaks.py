"""How far parts of a split are independent: images of one unit (patient, exam, picture) in several parts."""

from __future__ import annotations

import pandas as pd

from data.readers.notes import some

_HELD_OUT = ("val", "test")


def leak_share(
    split: pd.DataFrame, manifest: pd.DataFrame, *, part: str = "test", unit: str = "group_id"
) -> float:
    """Share of the images of `part` that have an image of the same unit in training, in [0, 1].

    Parameters
    ----------
    split : image_id and split, of one fold
    manifest : frame with image_id and the column `unit`, null where an image stands alone
    """
    frame = _joined(split, manifest, unit)
    known = frame.loc[(frame["split"] == "train") & frame[unit].notna(), unit]
    return float(frame.loc[frame["split"] == part, unit].isin(set(known)).mean())


def straddling_units(split: pd.DataFrame, manifest: pd.DataFrame, *, unit: str = "group_id") -> list[str]:
    """Units with images in more than one part of a fold, sorted."""
    frame = _joined(split, manifest, unit)
    parts = frame[frame[unit].notna()].groupby(unit)["split"].nunique()
    return sorted(str(name) for name in parts.index[parts > 1])


def image_leak_notes(split: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    """What to say of a split that was drawn by image although patients or exams are known."""
    if not any(leak_share(split, manifest, part=part) for part in _HELD_OUT):
        return []
    return [
        "The split is by image although patient or exam ids are known, so it leaks: "
        f"{_shares(split, manifest, 'group_id', 'image of the same patient or exam')}. "
        'group = "patient" keeps them together.'
    ]


def given_leak_notes(split: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    """What to say of a given split that divides patients or exams: how many, which, and what it spoils."""
    divided = straddling_units(split, manifest)
    if not divided:
        return []
    return [
        f"The given split leaks: {len(divided)} patient(s) or exam(s) have images in several parts "
        f"({some([repr(name) for name in divided])}); "
        f"{_shares(split, manifest, 'group_id', 'image of the same patient or exam')}."
    ]


def copy_notes(split: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    """What to say of images that show one picture: those in several parts, and those in one test part.

    `manifest` : frame with image_id and duplicate_group (name of the picture, null where none is shared)
    """
    frame, notes = _joined(split, manifest, "duplicate_group"), []
    divided = straddling_units(split, manifest, unit="duplicate_group")
    if divided:
        members = frame[frame["duplicate_group"].isin(divided)].groupby("duplicate_group")
        pictures = [_in_words(own) for _, own in members]
        notes.append(
            f"{len(divided)} picture(s) stand in several parts of the split, so it leaks: {some(pictures)}. "
            f"{_shares(split, manifest, 'duplicate_group', 'image of the same picture')}. "
            'duplicates = "group" keeps them in one part where the split is drawn, "drop" keeps one image '
            "of each."
        )
    tested = frame.loc[frame["split"] == "test", "duplicate_group"]
    n_copies = int((tested.notna() & tested.duplicated(keep=False)).sum())
    if n_copies:
        notes.append(
            f"{n_copies} of {len(tested)} test images show a picture that another test image shows too; "
            "tests and intervals count them as independent images."
        )
    return notes


def _in_words(own: pd.DataFrame) -> str:
    return " = ".join(f"'{row.image_id}' ({row.split})" for row in own.itertuples())


def _shares(split: pd.DataFrame, manifest: pd.DataFrame, unit: str, what: str) -> str:
    test, val = (leak_share(split, manifest, part=part, unit=unit) for part in ("test", "val"))
    return f"{test:.0%} of the test images and {val:.0%} of the validation images have an {what} in training"


def _joined(split: pd.DataFrame, manifest: pd.DataFrame, unit: str) -> pd.DataFrame:
    return manifest[["image_id", unit]].merge(split, on="image_id", validate="one_to_one")
