"""The referee of a study: what it is told of a study file, a store or the published grid, and its report."""
