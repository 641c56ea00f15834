"""One HTML page to look into a store: cells, ROC curves, and the images on which two models disagree."""
