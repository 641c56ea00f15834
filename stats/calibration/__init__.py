"""Probabilities: calibration, Brier score, reliability, decision curves."""
