"""Environment variables of `jobgate` processes."""

import os
from collections.abc import Mapping

#: Variables that an interpreter, or an import, reads once.
_EARLY = ("LANG", "LC_", "PYTHON", "SSL_")
#: Those of them that `zygote.py` heeds in each process that it forks, or that make no difference.
_HEEDED = ("PYTHONPATH", "PYTHONUNBUFFERED")


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of `jobgate` processes: without settings, and without certificates.

    Nothing is asked over TLS, and reading certificates is a tenth of what a process takes to start.
    """
    ours = {name: value for name, value in inherited.items() if not name.startswith("JOBGATE_")}
    return {**ours, "PYTHONUNBUFFERED": "1", "SSL_CERT_FILE": os.devnull}


def early(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a forked process cannot heed."""
    return {name: env[name] for name in env if name.startswith(_EARLY) and name not in _HEEDED}
