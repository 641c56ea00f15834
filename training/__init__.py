"""Backbones, heads, feature cache and fitting (needs the extra `train`)."""
