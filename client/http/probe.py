"""A look at who answers at an address that has closed its connection without a word."""

import asyncio
from contextlib import suppress

from yarl import URL

#: Seconds that the look may take.
TIMEOUT = 1.0
#: The shortest whole request of HTTP/1.0. Redis, for one, says an error; it would hang up on one with `Host`.
_QUESTION = b"GET /livez HTTP/1.0\r\n\r\n"
_HTTP = b"HTTP/"


async def speaks_another_protocol(url: URL) -> bool:
    """Tell whether what answers there certainly speaks something else than HTTP.

    False where it does not answer, or where only TLS could tell. The question has no effect on a gateway.
    """
    if url.scheme != "http" or url.host is None:
        return False
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(TIMEOUT):
            return await _first_bytes(url.host, url.port or 80) != _HTTP
    return False


async def _first_bytes(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_QUESTION)
        return await reader.readexactly(len(_HTTP))
    finally:
        writer.close()
