"""Reads the body of a request, which has a limited size, a deadline, and one media type: JSON."""

import asyncio

from aiohttp import EMPTY_PAYLOAD, StreamReader
from aiohttp.web import BaseRequest, RequestPayloadError

from jobgate.gateway.http.header_names import CONTENT_ENCODING, CONTENT_TYPE
from jobgate.gateway.http.problems import Problem

_JSON_TYPES = {
    "application/json",
    # What `curl -d` sends by default. Forms of other sites have been refused by now (`check_origin`).
    "application/x-www-form-urlencoded",
}
_UTF8 = {"utf-8", "utf8"}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def body_at_hand(request: BaseRequest, *, limit: int, hint: str = "") -> bytes | None:
    """Return the body if it has arrived, empty if there is none; None = `body_to_come` has to wait for it.

    Args:
        request: The request.
        limit: The largest body that is accepted, in bytes.
        hint: What else is accepted, for those who send another type.

    Raises:
        Problem: 413 if it is larger, 415 if it is compressed or not JSON in UTF-8.
    """
    content = request.content
    if content is EMPTY_PAYLOAD:
        return b""
    _check_type(request.headers.get(CONTENT_TYPE), hint)
    check_encoding(request.headers.get(CONTENT_ENCODING))
    # The common case: it arrived together with the headers, and needs no timeout.
    if not content.is_eof() or content.exception() is not None:
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        return None
    body = content.read_nowait()
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def body_to_come(request: BaseRequest, *, limit: int, deadline: float) -> bytes:
    """Return the whole body once it has arrived.

    Args:
        request: The request, after `body_at_hand`.
        limit: The largest body that is accepted, in bytes.
        deadline: How long it may take, in seconds.

    Raises:
        Problem: 408 if it takes longer, 413 if it is larger, 400 if its transfer encoding is broken, 417 if
            the client expects something other than 100-continue.
    """
    answer_expectation(request)
    return await _read_slowly(request.content, limit, deadline)


def _check_type(header: str | None, hint: str) -> None:
    if header is None or header == "application/json":
        return
    if media_type(header) not in _JSON_TYPES:
        raise Problem("unsupported-media-type", f"Send the body as application/json{hint}.")


def media_type(header: str) -> str:
    """Return the type that a `Content-Type` names, in lower case; raises `Problem` 415 if it is not UTF-8."""
    kind, *parameters = header.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in _UTF8:
            raise Problem("unsupported-media-type", "Send the body in UTF-8.")
    return kind.strip().lower()


def check_encoding(header: str | None) -> None:
    """Raise `Problem` 415 if a `Content-Encoding` says that the body is compressed."""
    if header is not None and header.strip().lower() not in {"", "identity"}:
        raise Problem("unsupported-media-type", "Send the body without compression.")


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"A body may have at most {limit} bytes.")


def answer_expectation(request: BaseRequest) -> None:
    """Ask for the body if the client waits for that; raises `Problem` 417 if it expects anything else."""
    expectation = request.headers.get("Expect")
    if expectation is None:
        return
    if expectation.lower() != "100-continue":
        raise Problem("expectation-failed", "Remove the Expect header.")
    if request.transport is not None:
        request.transport.write(_CONTINUE)


async def _read_slowly(content: StreamReader, limit: int, deadline: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(deadline):
            while not content.at_eof():
                body += await content.readany()
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise Problem("body-timeout", f"A body must arrive within {deadline:g} seconds.") from None
    except RequestPayloadError:
        raise Problem("malformed-request", "The body's transfer encoding is broken.") from None
    return bytes(body)
