"""The parts of bench_shared_features.py, each of which runs in a process of its own."""
