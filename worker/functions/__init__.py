"""The functions that a worker offers."""
