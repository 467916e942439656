"""Processes that die at the very point where a test wants them to."""
