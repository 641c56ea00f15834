"""The original study: its published grid as a report, its printed tables computed anew, what lies beyond."""
