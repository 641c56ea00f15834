"""The original study's own grid results and printed tables, shipped as facts (see published/README.md)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

PUBLISHED_GRID = Path(__file__).parent / "published" / "grid.csv"
PUBLISHED_SHA256 = "58e10f30c23ae14a54106a52f395d419a6cc458604283142e347e6b8247d2f99"
PRINTED_TABLES = Path(__file__).parent / "published" / "tables.csv"
PUBLISHED_ARCHITECTURE = Path(__file__).parent / "published" / "architecture.csv"
TEST_IMAGES = {"acl": (58, 45), "breast": (21, 57)}  # positive and negative images of the test sets
VALIDATION_IMAGES = {"acl": (85, 68), "breast": (31, 86)}  # the same of the validation sets
ACL_SLICES_PER_EXAM = {1: 107, 2: 276, 3: 100, 4: 13, 5: 2}  # exams by their number of slices, all parts
METRICS = ("val_auc", "test_auc", "test_f1", "test_accuracy")


def load_published_grid() -> pd.DataFrame:
    """Return the 176 published grid results, one row per trained model, in the order of the file.

    Returns
    -------
    frame with task, backbone, pretrain, clf, fcsizeratio, numfilters, lrdecay and the metrics val_auc,
    test_auc, test_f1, test_accuracy as float64, equal to the printed digits to the last bit

    Notes
    -----
    The test sets have TEST_IMAGES.
    """
    # The parser of pandas before 3.1 may be one unit off in the last place, which splits ties of AUCs.
    return pd.read_csv(PUBLISHED_GRID, converters=dict.fromkeys(METRICS, float))


def load_printed_tables() -> pd.DataFrame:
    """Return what the paper prints in its tables of results, one row per value, in the order of the paper.

    Returns
    -------
    frame with table (its number), row, quantity and printed, all text as it stands in the paper
    """
    return pd.read_csv(PRINTED_TABLES, dtype=str, keep_default_na=False)


def load_published_architecture() -> pd.DataFrame:
    """Return every layer of the networks of the published grid, as this project builds them.

    Returns
    -------
    frame with the columns of a store's `architecture.parquet`; `python -m training.published_architecture`
    writes the file from the modules
    """
    texts = dict.fromkeys(("unfreeze", "unfreeze_count", "group", "output"), str)
    return pd.read_csv(PUBLISHED_ARCHITECTURE, dtype=texts)
