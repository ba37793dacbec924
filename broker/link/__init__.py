"""The way to Redis: connections, settings, and calls that travel together."""
