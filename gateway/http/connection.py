"""Connections of clients, with three features that aiohttp's own lack.

These are a deadline for headers, one log line instead of a traceback for a malformed request, and a way to
notice that a client hangs up while nothing is read from it. Besides, most requests need no task of their own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aiohttp
from aiohttp.http import StreamWriter
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.web import BaseRequest, RequestPayloadError, Server, StreamResponse
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from jobgate.gateway.http.door import Door
from jobgate.gateway.http.problems import Problem
from jobgate.gateway.http.quiet_log import SparseLog

logger = logging.getLogger("jobgate.gateway.http")

#: Seconds for reading the answer to a request whose body was not read, before the connection is closed.
_LINGER = 1.0
#: aiohttp stops reading when a client sends faster than its requests are handled. After this many seconds
#: reading is resumed and the bytes are kept: only reading shows that the client has hung up.
_BLIND = 0.5
#: Most bytes that are kept from a client which keeps sending behind a request that waits; then it is cut off.
_MOST_KEPT = 64 * 1024
_MALFORMED = 400
_WHAT = {_MALFORMED: "malformed", 414: "too long a", 431: "too large a"}
_MOST_HEADERS = 128
#: Releases of aiohttp whose parts `Connection.start` knows: they differ even between patch releases. With
#: others, aiohttp answers all requests.
KNOWN_RELEASES = frozenset({"3.14.5"})
#: A request that refers to its task, which refers to the request, would be freed late.
_NO_TASK = cast("asyncio.Task[None]", None)
#: aiohttp's message for more header lines than that.
_TOO_MANY = "Too many headers received"


class Connection(RequestHandler):
    """One connection of a client."""

    __slots__ = (
        "_blind_timer",
        "_handle",
        "_header_timer",
        "_is_deaf",
        "_is_patient",
        "_kept",
        "_server",
        "_writer",
    )

    def __init__(self, server: "HttpServer", *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(server, loop=loop, **options)
        self._server = server
        self._handle = server.door.handle
        #: Only tells when the client has read enough: answers write to the transport themselves.
        self._writer = StreamWriter(self, loop)
        self._header_timer: asyncio.TimerHandle | None = None
        self._blind_timer: asyncio.TimerHandle | None = None
        #: Bytes that arrived while aiohttp wants none; None = it accepts them, or nothing is read.
        self._kept: bytearray | None = None
        #: Whether further bytes are discarded, because the last answer is being sent.
        self._is_deaf = False
        #: Whether a client that sends too fast is held up for as long as it takes.
        self._is_patient = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the deadline for the first request's headers."""
        super().connection_made(transport)
        if isinstance(self.peername, str | bytes):
            # On a Unix socket, whatever name the client has given its end.
            self._cache["peername"] = ""
        self._arm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop all timers."""
        self._disarm()
        self._see_again()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Finish an answer that is being sent; take the end of input during a wait as hanging up."""
        if self.ssl_context is not None:
            # TLS has no end of one direction: the event loop closes the connection anyway.
            return False
        is_answered = self._request_in_progress and self._current_request is None
        if is_answered:
            self.close()
        return is_answered

    def data_received(self, data: bytes) -> None:
        """Parse bytes. If they do not complete a request's headers, the deadline for these starts."""
        if self._is_deaf:
            return
        if self._kept is not None and data:
            self._keep(data)
            return
        super().data_received(data)
        if self._messages and self._current_request is not None:
            self._note_broken_body(self._current_request)
        if self._messages or self._current_request is not None:
            if self._header_timer is not None:
                self._disarm()
        elif self._header_timer is None:
            self._arm()

    async def start(self) -> None:
        """Answer the requests of the connection, one after another.

        Those that have arrived wholly are answered in this task. The first other one, and all that follow it,
        are left to aiohttp, which makes a task for each request: that costs a tenth of an enqueue.
        """
        if not self._server.answers_itself:
            await super().start()
            return
        is_open = True
        while is_open and not self._force_close:
            if not self._messages:
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            message, payload = self._messages[0]
            is_held_up = self._buffer_paused or self._upgraded
            if isinstance(message, _ErrInfo) or is_held_up or not payload.is_eof():
                await super().start()
                return
            self._messages.popleft()
            if self._parser is not None:
                self._parser.message_consumed()
            request = BaseRequest(message, payload, self, self._writer, _NO_TASK, self._loop)
            is_open = await self._answer(request)
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _answer(self, request: BaseRequest) -> bool:
        """Answer a request that has arrived wholly; returns whether the connection stays open."""
        self._request_in_progress, self._current_request = True, request
        try:
            answer = await self._handle(request)
            self._current_request = None
            if rest := answer.write(request):
                await rest
        except ConnectionError:
            return False
        except BaseException:
            self.force_close()
            raise
        finally:
            self._request_in_progress, self._current_request = False, None
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)
        if not answer.keep_alive or self._close:
            return False
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            close_time = self._next_keepalive_close_time
            self._keepalive_handle = self._loop.call_at(close_time, self._process_keepalive)
        return True

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Resume after a pause. aiohttp calls this after each read of a body, paused or not."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _note_broken_body(self, request: BaseRequest) -> None:
        """End the read of a body whose transfer encoding is broken: for aiohttp it would never arrive."""
        if isinstance(self._messages[-1][0], _ErrInfo) and not request.content.is_eof():
            request.content.set_exception(RequestPayloadError("broken transfer encoding"))

    def hold_up(self, is_patient: bool) -> None:
        """Say whether the body of the current request is read as a stream.

        Then a client that sends too fast is held up, by TCP, until the next read of the body. If it hangs up
        meanwhile, the next read or write shows it.
        """
        self._is_patient = is_patient
        if is_patient and self._blind_timer is not None:
            self._blind_timer.cancel()
            self._blind_timer = None
        elif is_patient and self._kept is not None:
            super()._pause_transport_reading()

    def _pause_transport_reading(self) -> None:
        """Pause only briefly: otherwise a client that hangs up would go unnoticed."""
        if self._is_patient:
            super()._pause_transport_reading()
        elif self._kept is None and self._blind_timer is None:
            super()._pause_transport_reading()
            self._blind_timer = self._loop.call_later(_BLIND, self._read_on)

    def _read_on(self) -> None:
        self._blind_timer, self._kept = None, bytearray()
        super()._resume_transport_reading()

    def _keep(self, data: bytes) -> None:
        kept = self._kept
        if kept is None or len(kept) + len(data) > _MOST_KEPT:
            self.force_close()
        else:
            kept += data

    def _resume_transport_reading(self) -> None:
        """Resume reading, with the bytes that were kept."""
        kept = self._see_again()
        if kept:
            self.data_received(kept)
        if not (self._reading_paused or self._buffer_paused):
            super()._resume_transport_reading()

    def _see_again(self) -> bytes:
        if self._blind_timer is not None:
            self._blind_timer.cancel()
            self._blind_timer = None
        kept, self._kept = self._kept, None
        return bytes(kept or b"")

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """Answer a malformed request. aiohttp would log a traceback for each: a flood in a port scan."""
        problem = _problem(exc, self._server.max_header)
        what = _WHAT[problem.kind.status]
        self._server.log.line("%s request from %s: %s", what, request.remote, type(exc).__name__)
        answer = self._server.door.refuse(problem)
        # The client may keep sending: if the connection were closed at once, it would not get the answer.
        answer.linger = _LINGER
        self._is_deaf = True
        # It has the members that are used of aiohttp's response.
        return cast(StreamResponse, answer)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log in one line what aiohttp could not handle."""
        self._server.log.line("malformed request: %s", type(kw.get("exc_info")).__name__)

    def _arm(self) -> None:
        self._header_timer = self._loop.call_later(self._server.header_deadline, self._headers_are_late)

    def _disarm(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_are_late(self) -> None:
        self._header_timer = None
        if not self._messages and self._current_request is None:
            self.force_close()


class HttpServer(Server):
    """Makes the connections of one listening socket.

    Args:
        door: Answers their requests.
        header_deadline: Seconds from the connect, or from a request's first byte, to the end of its headers.
        keepalive: Seconds after which an idle connection is closed.
        max_header: Largest header line, and longest URL, in bytes.
    """

    def __init__(self, door: Door[Any], *, header_deadline: float, keepalive: float, max_header: int) -> None:
        # A client that hangs up cancels its handler, so that the slot of a wait is freed at once.
        super().__init__(
            cast("Callable[[BaseRequest], Awaitable[StreamResponse]]", door.handle), handler_cancellation=True
        )
        self.door = door
        #: Whether connections answer requests that have arrived wholly, without a task for each.
        self.answers_itself = aiohttp.__version__ in KNOWN_RELEASES
        self.header_deadline = header_deadline
        self.max_header = max_header
        self.log = SparseLog(logger)
        self._options = {
            "keepalive_timeout": keepalive,
            "lingering_time": _LINGER,
            "auto_decompress": False,
            # aiohttp does not count a header's colon. The different limits also show which one was exceeded.
            "max_line_size": max_header,
            "max_field_size": max_header - 1,
            "max_headers": _MOST_HEADERS,
            "access_log": None,
            "logger": logger,
        }

    def __call__(self) -> RequestHandler:
        """Return a connection for a client that has just connected."""
        return Connection(self, loop=self._loop, **self._options)


def _problem(error: BaseException | None, max_header: int) -> Problem:
    """Return what is wrong with a request that could not be parsed."""
    if isinstance(error, LineTooLong):
        if error.args[1] == max_header:
            return Problem("url-too-long", f"A URL may have at most {max_header} bytes.")
        return Problem("header-too-large", f"A header line may have at most {max_header} bytes.")
    if isinstance(error, BadHttpMessage) and error.message == _TOO_MANY:
        return Problem("header-too-large", f"A request may have at most {_MOST_HEADERS} header lines.")
    return Problem("malformed-request")
