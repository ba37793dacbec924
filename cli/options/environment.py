"""The environment of a command: variables that cannot be used, and variables that have no effect."""

import os
import re
from typing import Final

import click

from jobgate.broker import did_you_mean
from jobgate.cli.option import VARIABLES

#: Where prometheus_client keeps metrics of several processes; it reads both when a metric is made.
_METRICS_FOLDERS: Final = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
#: Variables that no option here reads: those of the commands for which the base install is enough.
FURTHER: Final = (
    "JOBGATE_CA_FILE", "JOBGATE_CHECK", "JOBGATE_CONFIG", "JOBGATE_HEALTH_URL", "JOBGATE_JSON", "JOBGATE_KEY",
    "JOBGATE_OUTPUT", "JOBGATE_PROFILE", "JOBGATE_PROXY", "JOBGATE_REQUEST_TIMEOUT", "JOBGATE_URL",
)  # fmt: skip
#: Set once the warnings are written, so that child processes do not repeat them.
_WARNED: Final = "JOBGATE_SUPERVISOR_WARNED"
#: Variables by which processes of jobgate talk to each other, and those of its tests.
_INTERNAL: Final = ("JOBGATE_SUPERVISOR_", "JOBGATE_TEST_")
#: Kubernetes describes each service in variables: those of a service `jobgate` begin with JOBGATE_.
_SERVICE_LINK: Final = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP|SCTP)")
_SERVICE_URL: Final = re.compile(r"(tcp|udp|sctp)://")


def check_environment() -> None:
    """Refuse values on which a library would fail with a traceback.

    Raises:
        click.ClickException: A folder for metrics does not exist or is not writable.
    """
    for name in _METRICS_FOLDERS:
        folder = os.environ.get(name)
        if folder is not None and not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
            raise click.ClickException(
                f"{name} is {folder!r}, which is not a writable folder: create it, or unset the variable."
            )


def warnings_of_environment() -> list[str]:
    """Return a sentence for each JOBGATE_ variable that has no effect; empty on the second call."""
    if _WARNED in os.environ:
        return []
    known = [*sorted(VARIABLES), *FURTHER]
    unknown = sorted(
        name
        for name, value in os.environ.items()
        if name.startswith("JOBGATE_") and not name.startswith(_INTERNAL) and name not in known
        if not (_SERVICE_LINK.search(name) or _SERVICE_URL.match(value))
    )
    if unknown:
        os.environ[_WARNED] = "1"
    return [f"{name} is not a variable of jobgate{did_you_mean(name, known)}" for name in unknown]
