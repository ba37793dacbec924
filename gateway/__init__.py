"""jobgate.gateway: HTTP in front of the broker."""

from jobgate.gateway.auth import new_key
from jobgate.gateway.server import run
from jobgate.gateway.settings import GatewayError, GatewaySettings, KeysFileError

__all__ = [
    # The gateway
    "GatewaySettings", "run",
    # Keys
    "new_key",
    # Errors
    "GatewayError", "KeysFileError",
]  # fmt: skip
