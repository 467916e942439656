"""Remedy for the people harmed: plans, items, and their confirmation by someone else."""
