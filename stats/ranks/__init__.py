"""Wilcoxon tests and exact sign-flip permutation."""
