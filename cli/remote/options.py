"""The options of all commands that call a gateway or Redis."""

from collections.abc import Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from jobgate.cli.duration import DURATION
from jobgate.cli.option import Decorated, option
from jobgate.cli.remote.connection import DEFAULT_URL, Connection
from jobgate.cli.remote.profiles import MEMBERS, find_profile

_SECTION: Final = "Connection"

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


def connection_options(function: Decorated) -> Decorated:
    """Give a command the options of its connection; it gets a `Connection` as `connection`."""

    @wraps(function)
    def command(*args: Any, profile: str | None, config: Path | None, **options: Any) -> Any:
        given = {name: options.pop(name) for name in MEMBERS}
        files = {"profile": profile, "config": config}
        connection = Connection.of(
            _from(ParameterSource.COMMANDLINE, given),
            _from(ParameterSource.ENVIRONMENT, given),
            find_profile(profile, config),
            profile_options=_from(ParameterSource.COMMANDLINE, files),
        )
        return function(*args, connection=connection, **options)

    decorated: Any = command
    for each in reversed(_OPTIONS):
        decorated = each(decorated)
    return decorated  # type: ignore[no-any-return]


def _from(source: ParameterSource, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that have come from there."""
    context = click.get_current_context()
    return {name: value for name, value in options.items() if context.get_parameter_source(name) is source}
