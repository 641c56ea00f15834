"""What can be found out about the images of a data set before anything is trained on them."""
