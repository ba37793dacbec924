"""Calls through a gateway."""

from jobgate.client.http.connection import Exchange, route_to
from jobgate.client.http.transport import HttpTransport

__all__ = ["Exchange", "HttpTransport", "route_to"]
