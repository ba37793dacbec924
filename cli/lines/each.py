"""One job for each line of standard input: enqueued in large requests, or called one by one."""

import asyncio
import secrets
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from jobgate.cli.lines.line_calls import LineCalls
from jobgate.cli.lines.progress import Progress
from jobgate.cli.lines.reading import Line, Lines
from jobgate.cli.lines.tally import Tally, is_of_one_line
from jobgate.cli.remote import Connection, ExitCode
from jobgate.cli.terminal import Output, say

if TYPE_CHECKING:
    from jobgate.client import Call, Caller, Client

#: Seconds after Ctrl-C in which jobs of lines that are under way are made sure of.
_TO_SECURE: Final = 5.0


class Each:
    """Makes a job of each line of standard input.

    Args:
        each: How a line becomes a call.
        output: Where ids or results are written.
        connection: Where the jobs are.
    """

    def __init__(self, each: LineCalls, output: Output, connection: Connection) -> None:
        self._each = each
        self._options = each.lines
        self._lines = Lines(sys.stdin.fileno(), skip=each.lines.skip)
        self._tally = Tally(self._lines.count(), output, connection, waits=each.lines.waits)
        self._is_stopped = False
        #: Number of the last line up to which it is known that all are enqueued, or refused.
        self._enqueued_to = each.lines.skip
        #: Numbers of the lines with which the function is being called, and the calls.
        self._under_way: dict[int, Call] = {}

    def stop(self) -> None:
        """Take no more lines; what has been taken is completed."""
        self._is_stopped = True
        self._lines.stop()

    async def run(self, client: "Client") -> int:
        """Enqueue the jobs, or call the function with each line, and return the exit code."""
        if sys.stdin.isatty():
            say("Each line is a job; Ctrl-D ends them.")
        return await (self._call_all(client) if self._options.waits else self._enqueue_all(client))

    async def _enqueue_all(self, client: "Client") -> int:
        try:
            with self._tally:
                await self._enqueue(client.with_options(**self._each.options))
        except BaseException:
            say(f"{self._tally.summary('enqueued')} Jobs of further lines may exist.")
            say(self._how_to_continue(self._enqueued_to))
            raise
        say(self._tally.summary("enqueued"))
        if not self._is_stopped:
            return self._tally.code
        say(f"Stopped after line {self._lines.last:,}. {self._how_to_continue(self._lines.last)}")
        return ExitCode.INTERRUPTED

    async def _call_all(self, client: "Client") -> int:
        caller = client.with_options(timeout=self._options.timeout, **self._each.options)
        lines = _Shared(self._lines)

        async def serve() -> None:
            while (line := await lines.next()) is not None:
                await self._call(client, caller, line)

        try:
            with self._tally:
                async with (
                    self._tally.following(Progress(client, self._under_way)),
                    asyncio.TaskGroup() as group,
                ):
                    for _ in range(self._options.concurrency):
                        group.create_task(serve())
        except BaseException as error:
            say(self._tally.summary("done"))
            is_interrupted = isinstance(error, asyncio.CancelledError)
            exists = is_interrupted and self._options.id_prefix is None and await self._secure(caller)
            say(self._left_under_way(exists=exists))
            raise _first(error) from None
        say(self._tally.summary("done"))
        return self._tally.code

    async def _secure(self, caller: "Caller") -> bool:
        """Enqueue the jobs of calls that may not have been sent; return whether all exist then."""
        from jobgate.client import JobExists, JobgateError  # noqa: PLC0415 - it takes long to import

        if self._each.options.get("keep_result") is not None:
            return False  # one that has ended may be forgotten, and must not run again
        calls = list(self._under_way.values())
        try:
            async with asyncio.timeout(_TO_SECURE):
                found = caller.enqueue_many(calls, return_exceptions=True)
                answers = [answer async for answer in found]
        except (JobgateError, TimeoutError):
            return False
        return all(
            not isinstance(answer, JobgateError) or isinstance(answer, JobExists) or is_of_one_line(answer)
            for answer in answers
        )

    def _left_under_way(self, *, exists: bool) -> str:
        """Return sentences about the lines that were taken and are not completed."""
        count = len(self._under_way)
        lines = f"{count} line{'' if count == 1 else 's'} under way"
        if exists:
            return f"The jobs of {lines} are not stopped. {self._how_to_continue(self._lines.last)}"
        last = min(self._under_way, default=self._lines.last + 1) - 1
        return f"Jobs of {lines} may exist, and are not stopped. {self._how_to_continue(last)}"

    async def _enqueue(self, caller: "Caller") -> None:
        from jobgate.client import JobExists, JobgateError  # noqa: PLC0415 - it takes long to import

        pending: deque[Line] = deque()
        async with aclosing(caller.enqueue_many(self._calls(pending), return_exceptions=True)) as answers:
            async for answer in answers:
                line = pending.popleft()
                if not isinstance(answer, JobgateError):
                    self._tally.enqueued(line, answer.id)
                elif isinstance(answer, JobExists):
                    self._tally.enqueued(line, answer.job.id, existed=True)
                elif is_of_one_line(answer):
                    self._tally.refused(line, answer)
                else:
                    raise answer
                self._enqueued_to = line.number

    async def _calls(self, pending: deque[Line]) -> AsyncIterator["Call"]:
        async for line in self._lines:
            try:
                call = self._each.call(line)
            except ValueError as error:
                self._tally.unusable(line, error)
                continue
            pending.append(line)
            yield call

    async def _call(self, client: "Client", caller: "Caller", line: Line) -> None:
        from jobgate.client import JobExists, JobgateError  # noqa: PLC0415 - it takes long to import

        try:
            call = self._each.call(line)
            job_id = call.options.job_id or secrets.token_hex(16)
            self._under_way[line.number] = call.with_options(job_id=job_id)
            try:
                result = await caller.call(self._each.function, *call.args, _job_id=job_id, **call.kwargs)
            except JobExists:
                result = await client.job(job_id).result(self._options.timeout)
            self._tally.returned(line, job_id, result)
        except ValueError as error:
            self._tally.unusable(line, error)
        except JobgateError as error:
            if not is_of_one_line(error):
                raise
            self._tally.refused(line, error)
        self._under_way.pop(line.number, None)

    def _how_to_continue(self, last: int) -> str:
        if self._options.id_prefix is None:
            return f"For the rest, add --skip {last} to the same command."
        return (
            "For the rest, give the same command again: it makes no second job of a line whose job or result "
            "is kept."
        )


class _Shared:
    """Lines that several tasks take from."""

    def __init__(self, lines: Lines) -> None:
        self._lines = aiter(lines)
        self._lock = asyncio.Lock()

    async def next(self) -> Line | None:
        """Return the next line; None at the end."""
        async with self._lock:
            return await anext(self._lines, None)


def _first(error: BaseException) -> BaseException:
    """Return the error that ended a group of tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
