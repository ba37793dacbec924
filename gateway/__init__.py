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
from jobgate.gateway.member import Member
from jobgate.gateway.premises import open_premises
from jobgate.gateway.process import run
from jobgate.gateway.server import serve
from jobgate.gateway.settings import GatewayError, GatewaySettings, KeysFileError

__all__ = [
    # The gateway
    "GatewaySettings", "run", "serve",
    # Several processes of one gateway
    "Member", "open_premises",
    # Keys
    "KeyEntry", "KeysDocument", "edited_keys", "keys_of_text", "moment_text", "new_key",
    "read_keys", "renewed", "same_rights",
    # Errors
    "GatewayError", "KeysFileError",
]  # fmt: skip
