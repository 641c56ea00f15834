"""Data sets, splits, image decoding, phantoms, and the prediction store."""
