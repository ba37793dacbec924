"""The process that a worker runs in."""
