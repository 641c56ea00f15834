"""Splits: training, validation and test parts, folds, and what to know about them."""
