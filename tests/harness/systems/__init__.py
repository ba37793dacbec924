"""Gateways, workers and whole systems, in the test's own event loop or as processes."""
