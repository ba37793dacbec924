"""Lines of a body, in whatever pieces they arrive."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobgate.gateway.http import BodyLines, Problem

LIMIT = 6


class Connection(BaseProtocol):
    """As much of a connection as a body needs."""

    def hold_up(self, is_patient: bool) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self, resume_parser: bool = True) -> None: ...


def body_lines(deadline: float = 5.0) -> tuple[BodyLines, StreamReader]:
    loop = asyncio.get_running_loop()
    connection = Connection(loop)
    connection.transport = cast(Any, object())
    content = StreamReader(connection, 65536, loop=loop)
    request = SimpleNamespace(headers={}, content=content, protocol=connection, transport=None)
    return BodyLines(cast(Any, request), limit=LIMIT, deadline=deadline), content


def expected(body: bytes) -> list[tuple[int, bytes | None]]:
    lines = [line if len(line) <= LIMIT else None for line in body.split(b"\n")]
    return [(n, line) for n, line in enumerate(lines, 1) if line is None or line.strip(b" \r")]


@given(
    st.lists(st.text("ab \r\n", max_size=12), max_size=8),
    st.integers(1, 5),
    st.booleans(),
)
@example(["\n   ", "    \n"], 1, True)
@settings(max_examples=200, deadline=None)
def test_lines_do_not_depend_on_the_pieces(pieces: list[str], most: int, at_once: bool) -> None:
    body = "".join(pieces).encode()

    async def read() -> list[tuple[int, bytes | None]]:
        lines, content = body_lines()
        found: list[bytes | None] = []
        numbers: list[int] = []

        async def feed() -> None:
            for piece in pieces:
                content.feed_data(piece.encode())
                if not at_once:
                    await asyncio.sleep(0)
            content.feed_eof()

        feeding = asyncio.create_task(feed())
        with lines:
            while taken := await lines.take(most):
                assert len(taken) <= most
                found += taken
                numbers.append(lines.number)
        await feeding
        all_numbers = [number for number, _ in expected(body)]
        assert set(numbers) <= set(all_numbers)
        assert numbers[-1:] == all_numbers[-1:]
        return list(zip(all_numbers, found, strict=True))

    assert asyncio.run(read()) == expected(body)


async def test_what_is_at_hand() -> None:
    lines, content = body_lines()
    assert not lines.at_hand
    content.feed_data(b"a")
    assert not lines.at_hand
    content.feed_data(b"\nb")
    assert lines.at_hand
    assert await lines.take(9) == [b"a"]
    assert not lines.at_hand
    content.feed_eof()
    assert lines.at_hand
    assert await lines.take(9) == [b"b"]
    assert await lines.take(9) == []


async def test_a_line_that_does_not_come() -> None:
    lines, content = body_lines(deadline=0.05)
    content.feed_data(b"a\n\nb")
    assert await lines.take(9) == [b"a"]
    with pytest.raises(Problem) as caught:
        await lines.take(9)
    assert caught.value.code == "body-timeout"
    assert lines.number == 1
