"""jobgate.gateway: HTTP in front of the broker."""

from jobgate.gateway.auth import (
    KeyEntry,
    KeysDocument,
    edited_keys,
    keys_of_text,
    moment_text,
    new_key,
    read_keys,
    renewed,
    same_rights,
)
from jobgate.gateway.server import run, serve
from jobgate.gateway.settings import GatewayError, GatewaySettings, KeysFileError

__all__ = [
    # The gateway
    "GatewaySettings", "run", "serve",
    # Keys
    "KeyEntry", "KeysDocument", "edited_keys", "keys_of_text", "moment_text", "new_key",
    "read_keys", "renewed", "same_rights",
    # Errors
    "GatewayError", "KeysFileError",
]  # fmt: skip
