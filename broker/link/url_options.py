"""The options after the `?` of a Redis URL."""

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from jobgate.broker.texts import did_you_mean

SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
#: How strictly the server's certificate is checked: redis-py's words -> Python's constants.
_CERT_REQS: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}


def url_options(query: str, scheme: str) -> dict[str, Any]:
    """Return fields of `RedisSettings` for the options of a URL.

    Args:
        query: The text after the `?`.
        scheme: Scheme of the URL; some options only work with some schemes.

    Raises:
        ValueError: An option is unknown, does not work with this scheme, or has a wrong value.
    """
    fields: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        read = _OPTIONS.get(name)
        if read is None:
            raise bad_url(_unknown(name, may_be_secret="@" in query or "sentinel_password" in fields))
        _check_effect(name, scheme)
        try:
            fields[_FIELD_OF_OPTION.get(name, name)] = read(text)
        except ValueError as error:
            raise bad_url(f"its option {name!r} cannot be used, {error}") from None
    return fields


def cert_reqs(value: object) -> str:
    """Return `required`, `optional` or `none` for one of these words, a constant of Python or its name.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, int):  # the constants are whole numbers
        word = next((word for word, constant in _CERT_REQS.items() if constant == value), "")
    else:
        word = str(value).lower().removeprefix("ssl.").removeprefix("cert_")
    if word not in _CERT_REQS:
        raise ValueError(f"write {', '.join(_CERT_REQS)}")
    return word


def bad_url(reason: str) -> ValueError:
    """Return the error for a wrong URL. No reason may contain a part of the URL that can be a password."""
    return ValueError(f"The Redis URL is wrong: {reason}.")


def _truth(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("write true or false")


def _count(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= least:
            return int(text)
        raise ValueError(f"write a whole number of at least {least}")

    return read


def _seconds(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) and float(text) > 0:
        return float(text)
    raise ValueError("write a number of seconds above 0")


#: Options -> how to read each.
_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "db": _count(0),
    "master": str,
    "max_connections": _count(1),
    "conn_timeout": _seconds,
    "sentinel_username": str,
    "sentinel_password": str,
    "ssl_keyfile": str,
    "ssl_certfile": str,
    "ssl_cert_reqs": cert_reqs,
    "ssl_ca_certs": str,
    "ssl_check_hostname": _truth,
}
_FIELD_OF_OPTION = {"db": "database", "master": "sentinel_master"}
#: redis-py's and arq's names of options -> their names here.
_NAMES_ELSEWHERE = {"socket_connect_timeout": "conn_timeout", "sentinel_master": "master", "database": "db"}
#: Start of an option's name -> what a scheme must contain for the option to work.
_NEEDED_IN_SCHEME = {"ssl_": "rediss", "sentinel_": "+sentinel", "master": "+sentinel"}


def _unknown(name: str, *, may_be_secret: bool) -> str:
    known = f"known are {', '.join(_OPTIONS)}"
    # After a bare ? or & in a password comes the rest of the password.
    if may_be_secret or re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", name) is None:
        return f"it has an unknown option after the ?, {known}; in a password write ? as %3F and & as %26"
    elsewhere = _NAMES_ELSEWHERE.get(name)
    hint = f", did you mean {elsewhere!r}?" if elsewhere else did_you_mean(name, _OPTIONS)
    return f"it has an unknown option {name!r}{hint or ','} {known}"


def _check_effect(name: str, scheme: str) -> None:
    for beginning, needed in _NEEDED_IN_SCHEME.items():
        if name.startswith(beginning) and needed not in scheme:
            schemes = " or ".join(f"{each}://" for each in SCHEMES if needed in each)
            raise bad_url(f"its option {name!r} only works with {schemes}")
