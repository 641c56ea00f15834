"""Operating characteristics of the tests and intervals, by simulation: `python -m benchmarks.validation`."""
