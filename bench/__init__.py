"""Figures of this checkout on this machine, each beside the floor that bare libraries reach."""
