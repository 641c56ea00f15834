"""Where the files of a store lie."""
