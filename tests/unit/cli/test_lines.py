"""Lines of standard input, as they come in pieces."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobgate.cli.lines import reading
from jobgate.cli.lines.reading import Lines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)


async def test_lines_are_those_of_the_file_however_they_come(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, b"\xef\xbb\xbfon")
    lines = aiter(Lines(read))
    pieces = [b"e\r\nt", b"wo\n\n  \n\xff", b"\nlast"]
    found = []
    for piece in pieces:
        os.write(write, piece)
        found.append(await anext(lines))
    os.close(write)
    found += [line async for line in lines]
    assert [(line.number, line.data) for line in found] == [
        (1, b"one"),
        (2, b"two"),
        (5, b"\xff"),
        (6, b"last"),
    ]


async def test_stop_ends_the_lines_while_nothing_comes(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, b"1\n2\n3\n")
    lines = Lines(read)
    taken = aiter(lines)
    assert (await anext(taken)).number == 1
    lines.stop()
    assert [line async for line in taken] == []
    assert lines.last == 1
    os.close(write)


def test_lines_of_a_file_are_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1\n\n2\n3")
    with (tmp_path / "file").open("rb") as file:
        assert Lines(file.fileno()).count() == 3
        assert Lines(file.fileno(), skip=1).count() == 2
        assert file.tell() == 0


async def test_a_line_without_end_takes_no_memory_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_CHUNK", 10)
    monkeypatch.setattr(reading, "_LONGEST", 100)
    (tmp_path / "file").write_bytes(b"x" * 10_000 + b"\nnext\n")
    with (tmp_path / "file").open("rb") as file:
        long, following = [line async for line in Lines(file.fileno())]
    assert len(long.data) <= 120
    assert following.data == b"next"
