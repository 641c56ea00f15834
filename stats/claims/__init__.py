"""Checks of published figures: what printed numbers leave possible, and whether they can stand together."""
