"""What is done to a network while it is used, and whether it lost anything by it."""
