"""One package per authority over data; none imports another."""
