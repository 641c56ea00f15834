"""The Quarto project: figures and tables from the result tables."""
