"""Cases as companies make them: states and rules, without any I/O or clock."""
