"""Areas under ROC curves and what goes with them: tests, intervals, margins, bands."""
