"""The options of all commands that call a gateway or Redis."""

from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from jobgate.cli.duration import DURATION
from jobgate.cli.option import Body, option, with_options
from jobgate.cli.remote.connection import DEFAULT_URL, Connection
from jobgate.cli.remote.profiles import MEMBERS, find_profile

_SECTION: Final = "Connection"
#: The options that say where a profile is.
_FILES: Final = ("profile", "config")

_OPTIONS: Final = (
    option(
        "--url",
        section=_SECTION,
        metavar="URL",
        help="The gateway: an http://, https:// or http+unix:// URL; or Redis itself: redis://, rediss://, "
        f"unix:// or redis+sentinel://.  [default: of the profile, else {DEFAULT_URL}]",
    ),
    option(
        "--key",
        section=_SECTION,
        metavar="KEY",
        help="API key for the gateway. Other users of this machine can see a command line: prefer the "
        "variable or a profile.",
    ),
    option(
        "--profile",
        section=_SECTION,
        metavar="NAME",
        help="Use the table [NAME] of jobgate.toml or ~/.config/jobgate/config.toml.  [default: what stands "
        "above all tables]",
    ),
    option(
        "--config",
        section=_SECTION,
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Read profiles from FILE alone.",
    ),
    option(
        "--ca-file",
        section=_SECTION,
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="CAs to trust with an https:// URL, in PEM form.  [default: those of the system]",
    ),
    option("--proxy", section=_SECTION, metavar="URL", help="HTTP proxy on the way to the gateway."),
    option(
        "--request-timeout",
        section=_SECTION,
        type=DURATION,
        metavar="DURATION",
        help="For how long a request is retried while the other side does not answer.  [default: 15s]",
    ),
    option(
        "--namespace",
        section=_SECTION,
        metavar="NS",
        help="With Redis: prefix of all keys.  [default: arq]",
    ),
    option(
        "--serializer",
        section=_SECTION,
        type=click.Choice(["json", "msgpack", "pickle"]),
        help="With Redis: format of jobs and results, that of the workers.  [default: json]",
    ),
)


def connection_options(function: Body) -> Body:
    """Give a command the options of its connection; it gets a `Connection` as `connection`."""

    @wraps(function)
    def command(*args: Any, **options: Any) -> Any:
        for name in (*MEMBERS, *_FILES):
            del options[name]
        return function(*args, connection=connection_of(click.get_current_context()), **options)

    return with_options(command, _OPTIONS)


def connection_of(context: click.Context) -> Connection:
    """Return the connection that a command's options mean.

    Raises:
        ConfigurationError: A file of settings cannot be used.
    """
    return Connection.of(
        _given(context, ParameterSource.COMMANDLINE, MEMBERS),
        _given(context, ParameterSource.ENVIRONMENT, MEMBERS),
        find_profile(context.params["profile"], context.params["config"]),
        profile_options=_given(context, ParameterSource.COMMANDLINE, _FILES),
    )


def connection_to(url: str) -> Connection:
    """Return the connection of the running command as if its options named this URL.

    Raises:
        ConfigurationError: As in `connection_of`.
    """
    context = click.get_current_context()
    context.params["url"] = url
    context.set_parameter_source("url", ParameterSource.COMMANDLINE)
    return connection_of(context)


def _given(context: click.Context, source: ParameterSource, names: Sequence[str]) -> dict[str, Any]:
    """Return the options that come from there."""
    return {name: context.params[name] for name in names if context.get_parameter_source(name) is source}
