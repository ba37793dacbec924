"""What of the environment a program cannot run with."""

import os

import click

#: Where prometheus_client keeps metrics of several processes; it reads both when a metric is made.
_VARIABLES = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")


def check_environment() -> None:
    """Say what is wrong before a library says it in a traceback; raises `click.ClickException`."""
    for name in _VARIABLES:
        folder = os.environ.get(name)
        if folder is not None and not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
            raise click.ClickException(
                f"{name} is {folder!r}, which is not a writable folder: create it, or unset the variable."
            )
