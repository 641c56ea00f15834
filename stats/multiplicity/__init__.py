"""Families of comparisons: adjusted p-values and the max-t test."""
