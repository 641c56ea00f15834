"""Statistics of comparisons: pure functions on arrays and frames."""
