"""A stored cell that can be explained."""

from tests.training.saliency.stored_cell import opened, stored

__all__ = ["opened", "stored"]
