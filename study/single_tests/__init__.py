"""One test on a user's own table: what `study test` reads, reports and prints."""
