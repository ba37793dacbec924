"""Type hints, and the tools that read them."""
