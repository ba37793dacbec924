"""Requests to the gateway and its event streams."""
