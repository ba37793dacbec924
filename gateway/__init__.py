"""jobgate.gateway: HTTP in front of the broker."""

import jobgate.gateway.requirements  # noqa: F401 - it says what is missing
from jobgate.gateway.auth.callers import new_key
from jobgate.gateway.server import run, serve
from jobgate.gateway.settings import GatewayError, GatewaySettings, KeysFileError

__all__ = [
    # The gateway
    "GatewaySettings",
    "run",
    "serve",
    # Keys
    "new_key",
    # Errors
    "GatewayError",
    "KeysFileError",
]
