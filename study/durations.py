"""Times in words."""


def in_words(seconds: float) -> str:
    """Seconds, minutes or hours, to what a plan needs."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
