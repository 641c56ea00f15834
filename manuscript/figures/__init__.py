"""Figures, one subject per file: a tidy frame in, a plot out; nothing is read from a store or saved."""
