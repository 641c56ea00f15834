"""Backbones, heads, feature cache and fitting (needs the extra `train`)."""

from training.allocator import tune_allocator

tune_allocator()  # before torch allocates for the first time
