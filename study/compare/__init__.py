"""`study compare`: everything that K score columns of one table say of each other."""
