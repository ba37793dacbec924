"""The error of this floor."""

import click


class ConfigurationError(click.ClickException):
    """A file of settings or one of its values cannot be used; the message says why, and what to do."""

    exit_code = 2
