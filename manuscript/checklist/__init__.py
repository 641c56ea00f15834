"""Reporting checklists, filled in from a report where it knows the answer."""
