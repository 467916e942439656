"""Authorities take cases up, say where they stand and decide on protection."""
