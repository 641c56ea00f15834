"""Images that need no download: breast ultrasound and knee MRI look-alikes with masks and ids."""
