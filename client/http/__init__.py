"""Calls through a gateway."""

from jobgate.client.http.exchange import Exchange
from jobgate.client.http.route import route_to
from jobgate.client.http.transport import HttpTransport

__all__ = ["Exchange", "HttpTransport", "route_to"]
