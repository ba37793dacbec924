"""Calls through Redis, without a gateway."""
