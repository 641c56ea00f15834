"""Run the grid of a study: prepare, train group by group, record."""
