"""The text of server-sent events, read as the WHATWG HTML standard says, piece by piece as it arrives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jobgate.client.errors import UnexpectedAnswer

#: Largest event in bytes: a gateway's are far smaller, and a stream must not fill the memory.
MOST_BYTES: Final = 16 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of a stream."""

    kind: str
    data: str
    #: The last `id` up to this event: what `Last-Event-ID` says to resume after it.
    last_id: str


class EventParser:
    """Reads one response; a new one is needed for each connection."""

    def __init__(self, last_id: str = "") -> None:
        """Start to read.

        Args:
            last_id: The last id of the connection before.
        """
        #: The last id that was complete.
        self.last_id = last_id
        #: Seconds after which the server wants a client to reconnect; None = it has not said.
        self.retry: float | None = None
        self._next_id = last_id
        self._kind = ""
        self._data: list[str] = []
        self._size = 0
        self._rest = b""
        self._is_first_line = True
        #: Whether the bytes so far end with CR: an LF that follows belongs to it.
        self._ended_with_cr = False

    def feed(self, received: bytes) -> Iterator[ServerEvent]:
        """Yield the events that are complete with these bytes.

        Raises:
            UnexpectedAnswer: An event is too large.
        """
        if not received:
            return
        if self._ended_with_cr:
            received = received.removeprefix(b"\n")
        lines = (self._rest + received).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith((b"\r", b"\n")) else b""
        self._ended_with_cr = bool(lines) and not self._rest and lines[-1].endswith(b"\r")
        if len(self._rest) + self._size > MOST_BYTES:
            raise UnexpectedAnswer("an event is too large to be jobgate's: check the URL, and the proxies")
        for line in lines:
            yield from self._line(line.rstrip(b"\r\n"))

    def _line(self, line: bytes) -> Iterator[ServerEvent]:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            yield from self._end_of_event()
            return
        self._size += len(line)
        name, _, value = line.decode(errors="replace").partition(":")
        self._field(name, value.removeprefix(" "))

    def _field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._next_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value) / 1000

    def _end_of_event(self) -> Iterator[ServerEvent]:
        kind, data = self._kind or "message", self._data
        self.last_id = self._next_id
        self._kind, self._data, self._size = "", [], 0
        if data:
            yield ServerEvent(kind, "\n".join(data), self.last_id)
