"""Models of one's own for kerazoo."""
