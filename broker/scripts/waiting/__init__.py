"""Whoever waits for an outcome."""
