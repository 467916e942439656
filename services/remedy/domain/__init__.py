"""Remedy: states and rules, without any I/O or clock."""
