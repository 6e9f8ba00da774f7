"""Files from outside, read safely: no code of theirs runs, and sizes are bounded."""
