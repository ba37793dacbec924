"""Calls over HTTP, through a gateway."""
