"""Heat maps measured: how well they find a lesion, how alike two of them are, and intervals of both."""
