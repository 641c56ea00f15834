"""The manuscript without Quarto: the same .qmd files, executed and joined to one HTML page."""
