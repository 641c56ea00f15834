"""Images: files to pixels, pixels to arrays for training."""
