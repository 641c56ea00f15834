"""The audit of a data set before it is trained on: findings, the shortcut figure, tables and pages."""
