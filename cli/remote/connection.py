"""Where the other side is: from the command line, the environment and a profile, in this order."""

import os
import re
import shlex
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.duration import parsed_duration
from jobgate.cli.remote.errors import ConfigurationError
from jobgate.cli.remote.profiles import Profile

if TYPE_CHECKING:
    from jobgate.client import Client

DEFAULT_URL: Final = "http://127.0.0.1:8080"
_ONLY_HTTP: Final = ("key", "ca_file", "proxy")
_ONLY_REDIS: Final = ("namespace", "serializer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """How to reach a gateway or Redis."""

    url: str
    key: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    #: For how long a request is retried.
    request_timeout: timedelta = timedelta(seconds=15)
    namespace: str | None = None
    serializer: str | None = None
    #: The options of the command line that another command needs to get there as well; begins with a space.
    again: str = ""

    @classmethod
    def of(
        cls,
        line: Mapping[str, Any],
        environment: Mapping[str, Any],
        profile: Profile,
        *,
        profile_options: Mapping[str, str],
    ) -> "Connection":
        """Return the connection that these sources mean together.

        Other members of a profile are used only with its own URL, so that its key gets to no other gateway.

        Args:
            line: The options of the command line.
            environment: Those of variables.
            profile: Members of the profile.
            profile_options: `profile` and `config` of the command line. A profile that is named there
                precedes variables.

        Raises:
            ConfigurationError: A member of the profile has a wrong value, or there is no URL.
        """
        kept = _converted(profile)
        sources = [line, kept, environment] if "profile" in profile_options else [line, environment, kept]
        url = str(ChainMap(*map(dict, sources)).get("url", DEFAULT_URL))
        if "://" not in url:
            raise ConfigurationError(f"{url!r} is not a URL, did you mean http://{url}?")
        if kept.get("url", DEFAULT_URL) != url:
            sources.remove(kept)
        # A variable that is set for other commands does no harm.
        other = _ONLY_HTTP if is_redis(url) else _ONLY_REDIS
        usable = [
            {n: value for n, value in each.items() if each is line or n not in other} for each in sources
        ]
        again = _as_options({**profile_options, **line})
        return cls(**{**ChainMap(*usable), "url": url}, again=again)

    @property
    def shown(self) -> str:
        """The URL without user and password."""
        return _without_password(self.url)

    def client(self) -> "Client":
        """Return a client, which is not open yet.

        Raises:
            JobgateError: The client cannot use these values.
        """
        from jobgate.client import Client  # noqa: PLC0415 - it takes longer to import than all of this

        return Client(
            self.url,
            key=self.key,
            timeout=None,
            request_timeout=self.request_timeout,
            ca_file=self.ca_file,
            proxy=self.proxy,
            namespace=self.namespace,
            serializer=self.serializer,
        )


def is_redis(url: str) -> bool:
    """Whether a URL is one of Redis, not of a gateway."""
    return not url.partition("://")[0].lower().startswith("http")


def _without_password(url: str) -> str:
    return re.sub(r"//[^/?#]*@", "//…@", url)


def _as_options(given: Mapping[str, Any]) -> str:
    """Return options as a shell takes them, without secrets."""
    shown = {**given, **({"key": "KEY"} if "key" in given else {})}
    shown |= {name: _without_password(shown[name]) for name in ("url", "proxy") if name in shown}
    shown.pop("request_timeout", None)
    return "".join(f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in shown.items())


def _converted(profile: Profile) -> dict[str, Any]:
    values: dict[str, Any] = dict(profile)
    if (text := profile.get("request_timeout")) is not None:
        values["request_timeout"] = parsed_duration(text)
        if values["request_timeout"] is None:
            raise ConfigurationError(f"request_timeout of the profile is {text!r}: give a duration like 15s.")
    if "ca_file" in values:
        # Not `Path.expanduser`, which refuses users that there are not.
        values["ca_file"] = Path(os.path.expanduser(values["ca_file"]))
    return values
