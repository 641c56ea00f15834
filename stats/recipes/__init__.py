"""Recipes over seeds: run-to-run variance beside test-set variance."""
