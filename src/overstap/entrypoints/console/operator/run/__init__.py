"""One run: where it is and why, the way it took, how it was, and what can be done about it."""
