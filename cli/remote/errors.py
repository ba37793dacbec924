"""The errors of this floor, which end a command with one line on standard error."""

import click

from jobgate.cli.remote.exit_codes import ExitCode


class ConfigurationError(click.ClickException):
    """A file of settings or one of its values cannot be used; the message says why, and what to do."""

    exit_code = ExitCode.WRONG_USE


class RefusedError(click.ClickException):
    """The command cannot do what it was asked to do; the message says why, and what to do."""

    exit_code = ExitCode.REFUSED
