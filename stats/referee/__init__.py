"""What a statistical reviewer would object to in a grid of classifiers: one file per family of rules."""
