"""A grid of trained models as an experiment: noise between runs, aliases, spread, the best of many."""
