"""K models on the same images: rows and curves that `study compare` and the analysis plan share."""
