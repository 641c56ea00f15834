"""Counts and rates at a threshold: intervals, McNemar, Cochran, the choice of the threshold."""
