"""Bare libraries doing the least that is durable; nothing here imports what it is held against."""
