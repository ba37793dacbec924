"""Server-sent events are read as the standard says, however the bytes are cut."""

import random

import pytest

from jobgate.client.errors import UnexpectedAnswer
from jobgate.client.http.event_parser import MOST_BYTES, EventParser

Seen = list[tuple[str, str, str]]


def read(*pieces: bytes) -> Seen:
    parser = EventParser()
    return [(each.kind, each.data, each.last_id) for piece in pieces for each in parser.feed(piece)]


#: Text, and its events. The first ones are the examples of the standard.
TEXTS: dict[str, tuple[bytes, Seen]] = {
    "lines of data": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("message", "YHOO\n+2\n10", "")]),
    "ids": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [("message", "first event", "1"), ("message", "second event", ""), ("message", " third event", "")],
    ),
    "data alone": (b"data\n\ndata\ndata\n\ndata:", [("message", "", ""), ("message", "\n", "")]),
    "one space": (b"data:test\n\ndata: test\n\n", [("message", "test", "")] * 2),
    "kinds": (b"event: add\ndata: 7\n\ndata: 8\n\n", [("add", "7", ""), ("message", "8", "")]),
    "CR LF": (b"event: a\r\ndata: 1\r\nid: x\r\n\r\n", [("a", "1", "x")]),
    "CR": (b"event: a\rdata: 1\rid: x\r\r", [("a", "1", "x")]),
    "mixed": (b"event: a\r\ndata: 1\rdata: 2\n\r\n", [("a", "1\n2", "")]),
    "a mark of the byte order": (b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n", [("message", "1", "")]),
    "NUL in an id": (
        b"id: a\ndata: 1\n\nid: b\0\ndata: 2\n\n",
        [("message", "1", "a"), ("message", "2", "a")],
    ),
    "an id of an event without data": (b"id: 1\n\ndata: x\n\n", [("message", "x", "1")]),
    "no event without data": (b"event: a\n\ndata: 1\n\n", [("message", "1", "")]),
    "unknown fields": (b"foo: bar\ndatum: 1\ndata: 2\n: data: 3\n\n", [("message", "2", "")]),
    "colons": (b"data: a: b\n\n", [("message", "a: b", "")]),
    "other ends are text": (
        "data: a\x0b\u2028b\x85\n\n".encode(),
        [("message", "a\x0b\u2028b\x85", "")],
    ),
    "not UTF-8": (b"data: \xff\n\n", [("message", "\ufffd", "")]),
    "incomplete": (b"data: 1\n", []),
}


@pytest.mark.parametrize("name", TEXTS)
def test_events(name: str) -> None:
    text, events = TEXTS[name]
    assert read(text) == events
    assert read(*(text[at : at + 1] for at in range(len(text)))) == events
    for seed in range(20):
        cut = random.Random(seed).randrange(len(text))
        assert read(text[:cut], b"", text[cut:]) == events


def test_the_last_id_counts_with_its_event() -> None:
    parser = EventParser("before")
    list(parser.feed(b"id: 1\ndata: x\n"))
    assert parser.last_id == "before"
    list(parser.feed(b"\n"))
    assert parser.last_id == "1"


@pytest.mark.parametrize(
    ("line", "seconds"),
    [(b"retry: 1500", 1.5), (b"retry: -1", None), (b"retry: 1e3", None), (b"retry", None)],
)
def test_retry(line: bytes, seconds: float | None) -> None:
    parser = EventParser()
    list(parser.feed(line + b"\n"))
    assert parser.retry == seconds


@pytest.mark.parametrize("piece", [b"data: %b\n", b"%b"])
def test_an_event_without_end_is_not_kept(piece: bytes) -> None:
    parser = EventParser()

    def read_on() -> None:
        for _ in range(20):
            list(parser.feed(piece % (b"x" * (MOST_BYTES // 8))))

    with pytest.raises(UnexpectedAnswer):
        read_on()
