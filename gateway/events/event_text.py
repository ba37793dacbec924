"""Server-sent events as text, after the standard of WHATWG HTML."""

from typing import Final


def comment(text: str) -> bytes:
    """Return a line for people, which programs ignore."""
    return f": {text}\n\n".encode()


def event_text(kind: str, cursor: str, data: bytes) -> bytes:
    """Return one event.

    Args:
        kind: Its name, such as `status`.
        cursor: Its `id`: ASCII without line ends. Clients send the last one back as `Last-Event-ID`.
        data: JSON in one line.
    """
    return b"event: %b\nid: %b\ndata: %b\n\n" % (kind.encode(), cursor.encode(), data)


#: The beginning of each stream: milliseconds after which a client reconnects.
BEGIN: Final = b"retry: 1000\n\n"
#: Seconds after which a stream in which nothing happens shows that it lives.
QUIET: Final = 15.0
#: Shows proxies and clients that the stream lives.
HEARTBEAT: Final = b":\n\n"
