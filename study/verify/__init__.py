"""Check every file of a store against its checksums and its schema, and recompute a sample of metrics."""
