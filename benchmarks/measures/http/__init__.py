"""Requests and calls, over HTTP and through Redis."""
