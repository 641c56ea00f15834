"""The published grid is shipped unchanged and read to the last bit."""

import csv
import hashlib

from data.published_grid import (
    PRINTED_TABLES,
    PUBLISHED_GRID,
    PUBLISHED_SHA256,
    load_printed_tables,
    load_published_grid,
)


def test_file_is_the_published_one():
    assert hashlib.sha256(PUBLISHED_GRID.read_bytes()).hexdigest() == PUBLISHED_SHA256
    assert PUBLISHED_SHA256 in (PUBLISHED_GRID.parent / "README.md").read_text(encoding="utf-8")


def test_counts_are_those_of_the_grid():
    grid = load_published_grid()
    assert len(grid) == 176
    assert grid["task"].value_counts().to_dict() == {"acl": 88, "breast": 88}
    assert grid["pretrain"].value_counts().to_dict() == {"ImageNet": 88, "RadImageNet": 88}
    assert grid["clf"].value_counts().to_dict() == {"Conv": 64, "ConvSkip": 64, "NonLinear": 32, "Linear": 16}
    assert not grid.duplicated(
        ["task", "backbone", "pretrain", "clf", "fcsizeratio", "numfilters", "lrdecay"]
    ).any()


def test_numbers_keep_every_bit():
    grid = load_published_grid()
    with PUBLISHED_GRID.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("val_auc", "test_auc", "test_f1", "test_accuracy"):
        assert grid[name].tolist() == [float(row[name]) for row in rows]


def test_aucs_are_counts_of_pairs():
    """58 x 45 pairs of ACL images and 21 x 57 of breast images: any AUC is a multiple of half a pair."""
    grid = load_published_grid()
    pairs = grid["task"].map({"acl": 58 * 45, "breast": 21 * 57})
    counts = 2 * grid["test_auc"] * pairs
    assert (counts - counts.round()).abs().max() < 1e-9


def test_the_printed_tables_hold_one_text_per_value():
    printed = load_printed_tables()
    assert len(printed) == 123
    assert not printed.duplicated(["table", "row", "quantity"]).any()
    assert (printed["printed"].str.len() > 0).all()
    digest = hashlib.sha256(PRINTED_TABLES.read_bytes()).hexdigest()
    assert digest in (PRINTED_TABLES.parent / "README.md").read_text(encoding="utf-8")
