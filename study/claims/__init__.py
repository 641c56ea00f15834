"""`study audit claims`: published figures in a TOML file, checked against each other."""
