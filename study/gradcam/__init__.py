"""`study gradcam`: which cells and images are explained, what the maps are worth, and the tables of it."""
