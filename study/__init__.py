"""From study file to manuscript: command line, grid, run, analysis."""
