"""The way to a gateway, apart from its URL: a proxy, and whose certificates are trusted."""

import os
from dataclasses import dataclass
from ssl import SSLContext


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """The options of `Client` about this; the defaults are a direct connection and the system's CAs."""

    proxy: str | None = None
    ca_file: str | os.PathLike[str] | None = None
    ssl: SSLContext | None = None
    trust_env: bool = False
