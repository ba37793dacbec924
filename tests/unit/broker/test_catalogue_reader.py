"""Catalogues that anybody may have written: what is read of them, and what it costs."""

import asyncio
import gc
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from harness.waiting import fast_enough
from jobgate.broker import (
    DecodeError,
    EncodeError,
    FunctionDocument,
    Parameter,
    ParameterKind,
)
from jobgate.broker.bodies.codecs import codec_named
from jobgate.broker.bodies.reading_thread import Decoder
from jobgate.broker.catalogue import LONGEST_CATALOGUE, Catalogue, read_catalogue
from jobgate.broker.catalogue.catalogue_reader import MOST_FUNCTIONS
from jobgate.broker.catalogue.documents import LONGEST_FUNCTION

PERSON = {"type": "object", "properties": {"friend": {"$ref": "#/$defs/Person"}, "$ref": True}}
SEND = FunctionDocument(
    name="send",
    description="Send a letter.",
    parameters=(
        Parameter(name="to", kind=ParameterKind.POSITIONAL_ONLY, schema={"$ref": "#/$defs/Person"}),
        Parameter(
            name="copies", required=False, default=1, schema={"type": "integer"}, description="How many."
        ),
        Parameter(name="rest", kind=ParameterKind.VAR_POSITIONAL, required=False),
        Parameter(name="when", kind=ParameterKind.KEYWORD_ONLY, required=False, default=None),
        Parameter(name="more", kind=ParameterKind.VAR_KEYWORD, required=False, schema=False),
    ),
    returns={"type": "string"},
    returns_description="Its number.",
    definitions={"Person": PERSON},
    timeout=1.5,
    max_tries=3,
)
CRON = FunctionDocument(name="cron:report.<locals>.é")


def read(*lines: bytes) -> Catalogue:
    stored = b"\n".join(lines)
    return read_catalogue(stored, hashlib.sha256(stored).hexdigest())


def test_what_is_written_is_read() -> None:
    catalogue = Catalogue({one.name: one for one in (SEND, CRON)})
    digest, stored = catalogue.encode()
    found = read_catalogue(stored, digest)
    assert found == catalogue
    assert found.is_whole
    assert found.functions["send"].digest == SEND.digest
    assert found.weight > len(stored)


def test_the_order_of_functions_does_not_matter() -> None:
    one, other = (Catalogue({one.name: one for one in order}) for order in ((SEND, CRON), (CRON, SEND)))
    assert one.encode() == other.encode()


@pytest.mark.parametrize(
    "stored", [b"", b'{"name":"f"}'], ids=["of something else", "not what was announced"]
)
def test_the_digest_is_checked(stored: bytes) -> None:
    with pytest.raises(DecodeError):
        read_catalogue(stored, "0" * 64)


def test_one_that_is_too_long_is_neither_written_nor_read() -> None:
    long = "x" * (LONGEST_FUNCTION - 200)
    names = [f"f{number}" for number in range(LONGEST_CATALOGUE // len(long) + 1)]
    catalogue = Catalogue({name: FunctionDocument(name=name, description=long) for name in names})
    with pytest.raises(EncodeError):
        catalogue.encode()
    with pytest.raises(DecodeError):
        read(b"\n" * (LONGEST_CATALOGUE + 1))
    with pytest.raises(EncodeError):
        FunctionDocument(name="f", description=long + "x" * 200).encode()
    with pytest.raises(EncodeError):
        FunctionDocument(name="f", returns={"const": object()}).encode()


#: What has no name that can be read: it is left out, and the rest of the catalogue may be anything.
NAMELESS = {
    "no JSON": b"{",
    "empty": b"",
    "not a number": b'{"name":"f","timeout":NaN}',
    "half a surrogate pair": b'{"name":"\\ud800"}',
    "nested": b"[" * 100_000,
    "a list": b"[]",
    "a text": b'"name"',
    "a number": b"5",
    "null": b"null",
    "no name": b"{}",
    "number as a name": b'{"name":5}',
    "list as a name": b'{"name":["f"]}',
    "no letter": b'{"name":""}',
    "long name": b'{"name":"%s"}' % (b"f" * 129),
    "unprintable": b'{"name":"f\\u001b[2J"}',
    "too long": b'{"name":"f","x":"%s"}' % (b"x" * LONGEST_FUNCTION),
}


@pytest.mark.parametrize("line", NAMELESS.values(), ids=NAMELESS)
def test_a_function_without_a_name_leaves_the_others_alone(line: bytes) -> None:
    found = read(line, SEND.encode())
    assert dict(found.functions) == {"send": SEND}
    assert not found.is_whole


def deep(depth: int) -> Any:
    value: Any = True
    for _ in range(depth):
        value = {"items": value}
    return value


def parameter(**members: Any) -> dict[str, Any]:
    return {"name": "a", "kind": "keyword_only", "required": True, "schema": True} | members


def with_schema(schema: Any) -> dict[str, Any]:
    return {"parameters": [parameter(schema=schema)]}


#: Members of a function's document that make no sense.
ODD: dict[str, dict[str, Any]] = {
    "description": {"description": 5},
    "parameters: number": {"parameters": 5},
    "parameters: dict": {"parameters": {}},
    "parameters: text": {"parameters": "abc"},
    "parameter: text": {"parameters": ["a"]},
    "parameter: null": {"parameters": [None]},
    "too many parameters": {"parameters": [parameter(name=f"a{number}") for number in range(257)]},
    "no name": {"parameters": [parameter(name=None)]},
    "name with a space": {"parameters": [parameter(name="a b")]},
    "name with a slash": {"parameters": [parameter(name="../a")]},
    "kind": {"parameters": [parameter(kind="other")]},
    "kind: list": {"parameters": [parameter(kind=["keyword_only"])]},
    "required": {"parameters": [parameter(required="yes")]},
    "required: none": {"parameters": [parameter(required=None)]},
    "parameter's description": {"parameters": [parameter(description=[])]},
    "same name": {"parameters": [parameter(), parameter()]},
    "two of a kind": {"parameters": [parameter(kind="var_keyword"), parameter(name="b", kind="var_keyword")]},
    "order": {"parameters": [parameter(), parameter(name="b", kind="positional_only")]},
    "deep default": {"parameters": [parameter(default=deep(100))]},
    "wide default": {"parameters": [parameter(default=[0] * 20_001)]},
    "returns": {"returns": 5},
    "returns: null": {"returns": None},
    "returns: remote": {"returns": {"$ref": "http://127.0.0.1:1/"}},
    "returns' description": {"returns_description": {}},
    "definitions": {"$defs": []},
    "definition": {"$defs": {"A": "x"}},
    "remote definition": {"$defs": {"A": {"$ref": "http://127.0.0.1:1/"}}},
    "too many definitions": {"$defs": {str(number): True for number in range(1_001)}},
    "timeout": {"timeout": "5"},
    "timeout: true": {"timeout": True},
    "timeout: negative": {"timeout": -1},
    "max tries": {"max_tries": []},
    "schema: text": with_schema("integer"),
    "schema: null": with_schema(None),
    "schema: list": with_schema([]),
    "deep schema": with_schema(deep(64)),
    "deepest schema that JSON can hold": with_schema(deep(900)),
    "wide schema": with_schema({"enum": [0] * 20_001}),
    "address": with_schema({"$ref": "http://127.0.0.1:1/"}),
    "file": with_schema({"$ref": "file:///etc/passwd"}),
    "root": with_schema({"$ref": "#"}),
    "path": with_schema({"$ref": "#/properties/a"}),
    "unknown definition": with_schema({"$ref": "#/$defs/Nobody"}),
    "path in a definition": {"$defs": {"A": True}, **with_schema({"$ref": "#/$defs/A/items"})},
    "address inside": with_schema({"properties": {"a": {"anyOf": [{"$ref": "http://127.0.0.1:1/"}]}}}),
    "address in a property's default": with_schema({"properties": {"default": {"$ref": "http://a/"}}}),
    "id": with_schema({"$id": "http://127.0.0.1:1/"}),
    "anchor": with_schema({"$anchor": "a"}),
    "dynamic anchor": with_schema({"$dynamicAnchor": "a"}),
    "dynamic reference": with_schema({"$dynamicRef": "#a"}),
    "recursive reference": with_schema({"$recursiveRef": "#"}),
    "recursive anchor": with_schema({"$recursiveAnchor": True}),
    "dialect": with_schema({"$schema": "http://json-schema.org/draft-04/schema#"}),
}


@pytest.mark.parametrize("members", ODD.values(), ids=ODD)
def test_a_function_that_is_not_described_properly_counts_by_its_name(members: dict[str, Any]) -> None:
    document = {"name": "odd", "parameters": [], "timeout": 5} | members
    found = read(json.dumps(document).encode(), SEND.encode())  # orjson writes nothing that is so deep
    assert dict(found.functions) == {"odd": FunctionDocument(name="odd"), "send": SEND}
    assert found.is_whole, "all names are known"


#: Members that are unusual, and let in.
UNUSUAL: dict[str, dict[str, Any]] = {
    "cycle": {"$defs": {"A": {"$ref": "#/$defs/A"}}, **with_schema({"$ref": "#/$defs/A"})},
    "dialect": with_schema({"$schema": "https://json-schema.org/draft/2020-12/schema"}),
    "properties with names of keywords": with_schema(
        {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}, "id": {"const": "a"}}}
    ),
    "default with an id": with_schema({"default": {"id": "a"}}),
    "large integer": with_schema({"maximum": 2**64 - 1}),
    "deep": with_schema(deep(63)),
    "unknown members": {"x": [1], "timeout": None},
}


@pytest.mark.parametrize("members", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_is_let_in(members: dict[str, Any]) -> None:
    found = read(orjson.dumps({"name": "f", "parameters": []} | members)).functions["f"]
    assert found.parameters is not None
    assert found.digest


def test_of_two_functions_with_one_name_neither_counts() -> None:
    other = orjson.dumps({"name": "send", "parameters": []})
    for lines in ([SEND.encode(), other], [other, SEND.encode()], [SEND.encode()] * 3):
        assert dict(read(*lines).functions) == {"send": FunctionDocument(name="send")}


def test_the_values_of_a_catalogue_are_bounded_together() -> None:
    line = orjson.dumps({"name": "f%02d", **with_schema({"enum": [0] * 19_000})})
    found = read(*(line.replace(b"%02d", b"%02d" % number) for number in range(30)))
    described = [one for one in found.functions.values() if one.parameters is not None]
    assert (len(found.functions), len(described)) == (30, 21)
    assert found.weight < 50_000_000


HUGE: dict[str, Callable[[], bytes]] = {
    "a million functions": lambda: b"\n".join(b'{"name":"f%d"}' % number for number in range(220_000)),
    "nothing but line ends": lambda: b"\n" * LONGEST_CATALOGUE,
    "one long line": lambda: b'{"name":"f","x":[%s]}' % b",".join([b"[]"] * 1_390_000),
    "many lists": lambda: b"\n".join(
        b'{"name":"f%d","returns":{"enum":[%s]}}' % (number, b",".join([b"[]"] * 43_000))
        for number in range(32)
    ),
}


@pytest.fixture
def collector() -> Iterator[None]:
    """The garbage collector, as a gateway sets it."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE)
async def test_a_huge_one_does_not_hold_up_the_event_loop(make: Callable[[], bytes]) -> None:
    stored = make()
    assert LONGEST_CATALOGUE * 0.9 < len(stored) <= LONGEST_CATALOGUE
    digest = hashlib.sha256(stored).hexdigest()

    async def longest_pause() -> float:
        decoder, pause = Decoder(codec_named("json")), 0.0
        reading = asyncio.create_task(decoder.catalogue(stored, digest))
        while not reading.done():
            before = time.monotonic()
            await asyncio.sleep(0.001)
            pause = max(pause, time.monotonic() - before)
        found = await reading
        assert len(found.functions) <= MOST_FUNCTIONS
        assert all(one.parameters is None for one in found.functions.values())
        decoder.close()
        return pause

    await fast_enough(longest_pause, 0.05, what="a turn of the event loop")
