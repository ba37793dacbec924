"""The request that asks a gateway for its functions."""

import urllib.request
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit

import orjson

from jobgate.cli.http_access import SCHEMES, AccessError, HttpAccess, why_no_answer
from jobgate.cli.stubs.errors import StubsError

#: Seconds to wait for the gateway.
_TIMEOUT: Final = 15.0
#: Longest answer that is read, in bytes.
_LONGEST: Final = 64 * 1024 * 1024
_MEANINGS: Final = {
    401: "it requires a key that it knows: pass --key, or set JOBGATE_KEY.",
    403: "the key may not read the functions: ask for one that may.",
    404: "it has no GET /functions: check the URL, and that it is a jobgate gateway.",
    503: "it cannot answer now: try again later.",
}


def base_url(text: str) -> str:
    """Return the URL of a gateway without a slash at its end.

    Raises:
        StubsError: It is not one, or has parts that a gateway's has not.
    """
    try:
        url = urlsplit(text)
        host = url.hostname
        is_plain = text.isascii() and text.isprintable() and " " not in text
    except ValueError:
        raise StubsError("the URL cannot be read") from None
    if url.scheme not in SCHEMES or not host or not is_plain:
        raise StubsError("give the http:// or https:// URL of a gateway, such as http://127.0.0.1:8080")
    if "@" in url.netloc:
        raise StubsError("a gateway takes a key, not a password: pass --key, or set JOBGATE_KEY")
    if url.query or url.fragment:
        raise StubsError("the URL of a gateway has no query and no fragment")
    return urlunsplit((url.scheme, url.netloc, quote(url.path, safe="/%").rstrip("/"), "", ""))


def ask(url: str, key: str | None, access: HttpAccess) -> object:
    """Return the gateway's answer to `GET /functions`.

    Args:
        url: Of the gateway, as `base_url` returns it.
        key: API key; None = none.
        access: How to get there; redirects are not followed.

    Raises:
        StubsError: There is no answer, or it is not the one asked for.
    """
    headers = {"Accept": "application/json", "User-Agent": "jobgate-stubs"}
    if key is not None:
        if not (key and key.isascii() and key.isprintable() and " " not in key):
            raise StubsError("the key has characters that are not allowed: is there a line break at its end?")
        headers["Authorization"] = f"Bearer {key}"
    try:
        opener, address = access.opener(f"{url}/functions")
        request = urllib.request.Request(address, headers=headers)  # noqa: S310 - `base_url` checks it
        with opener.open(request, timeout=_TIMEOUT) as answer:
            body = answer.read(_LONGEST + 1)
    except HTTPError as error:
        error.close()
        meaning = _MEANINGS.get(error.code, "is this the URL of a jobgate gateway?")
        raise StubsError(f"{url} answers {error.code}: {meaning}") from None
    except AccessError as error:
        raise StubsError(str(error)) from None
    except (OSError, HTTPException) as error:
        why = why_no_answer(error)
        raise StubsError(f"{url} does not answer: {why}. Check the URL, and that the gateway runs.") from None
    return _json(body, url)


def _json(body: bytes, url: str) -> object:
    if len(body) > _LONGEST:
        raise StubsError(f"{url} answers with more than {_LONGEST} bytes.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise StubsError(f"{url} does not answer with JSON: is this the URL of a jobgate gateway?") from None
