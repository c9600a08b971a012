"""Why it did or did not tell: from the state alone, in words, and as data."""
