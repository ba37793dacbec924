"""Waiting for results and for work."""
