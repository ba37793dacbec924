"""Finds out which protocol a server speaks that has not answered in HTTP."""

import asyncio
import ssl
from contextlib import closing, suppress
from typing import Final

from yarl import URL

#: What is said of a server that speaks neither HTTP nor TLS.
NO_HTTP: Final = (
    "does not speak HTTP: use the address of a gateway, with http:// or https:// as it is served, or "
    "redis:// for Redis itself."
)
_TLS: Final = "speaks TLS: use https://."
#: Seconds to find out.
_TIMEOUT: Final = 1.0
#: The shortest complete request of HTTP/1.0; it has no effect on a gateway. Redis answers it with an error;
#: with `Host` it would hang up.
_PROBE: Final = b"GET /livez HTTP/1.0\r\n\r\n"
_HTTP: Final = b"HTTP/"


async def wrong_protocol(url: URL) -> str | None:
    """Return a message about a server that certainly does not speak HTTP; None = it may.

    A hang-up alone does not show it: a gateway that shuts down hangs up too.
    """
    try:
        async with asyncio.timeout(_TIMEOUT):
            answer = await _answer(url)
    except (OSError, TimeoutError):
        return None
    if not answer:
        return _TLS if await _speaks_tls(url) else None
    return None if _HTTP.startswith(answer) else NO_HTTP


async def _answer(url: URL) -> bytes:
    """Return the first bytes that the server sends; empty if it hangs up."""
    reader, writer = await asyncio.open_connection(url.host, url.port)
    with closing(writer):
        try:
            writer.write(_PROBE)
            return await reader.readexactly(len(_HTTP))
        except asyncio.IncompleteReadError as error:
            return error.partial
        except ConnectionError:
            return b""


async def _speaks_tls(url: URL) -> bool:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_TIMEOUT):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=trusting)
            writer.transport.abort()
            return True
    return False
