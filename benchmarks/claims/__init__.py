"""How often the claims audit accuses honest papers, and how often it finds planted contradictions."""
