"""Lines of the log that may wait are written a little later, in their order."""

import asyncio
import io
import logging

import pytest

from jobgate.broker import PatientRecord
from jobgate.cli.log_stream import LogStream


class Written(io.StringIO):
    """A stream that counts calls."""

    calls = 0

    def write(self, text: str) -> int:
        self.calls += bool(text)
        return super().write(text)


def log(stream: LogStream, text: str, *, may_wait: bool = False) -> None:
    kind = PatientRecord if may_wait else logging.LogRecord
    stream.handle(kind("jobgate", logging.INFO, "file", 1, text, (), None))


async def test_lines_that_may_wait_are_written_with_the_next_line_or_after_the_turn() -> None:
    stream = LogStream(written := Written())
    log(stream, "a", may_wait=True)
    log(stream, "b", may_wait=True)
    assert written.getvalue() == ""
    log(stream, "c")
    assert (written.getvalue(), written.calls) == ("a\nb\nc\n", 1)
    log(stream, "d", may_wait=True)
    await asyncio.sleep(0)
    assert written.getvalue() == "a\nb\nc\nd\n"
    log(stream, "e", may_wait=True)
    logging.shutdown([lambda: stream])
    assert written.getvalue() == "a\nb\nc\nd\ne\n"


def test_no_line_waits_without_a_loop_or_for_one_that_has_ended() -> None:
    async def end() -> None:
        log(stream, "in a loop", may_wait=True)

    stream = LogStream(written := Written())
    log(stream, "outside", may_wait=True)
    assert written.getvalue() == "outside\n"
    for _ in range(2):
        asyncio.run(end())
    assert written.getvalue() == "outside\nin a loop\nin a loop\n"


async def test_a_stream_that_fails_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    stream = LogStream(closed := io.StringIO())
    log(stream, "a", may_wait=True)
    closed.close()
    await asyncio.sleep(0)
    log(stream, "b")
    assert capsys.readouterr().err.count("Logging error") == 2
