"""Bootstrap and permutation as products of count weights; the optimism of a chosen model."""
