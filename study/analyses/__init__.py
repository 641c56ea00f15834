"""The planned analyses of a study, one module per kind of test."""
