"""Grad-CAM: maps of a stored cell, pictures of them, and the same network with randomised parts."""
