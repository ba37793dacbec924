"""What the gateway takes as JSON comes back as it was sent; everything else is refused."""

import contextlib
import json
import re
import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.forms import LONG
from jobgate.gateway.http.incoming.strict_json import MAX_NODES, STRING, read_json
from jobgate.gateway.http.problems import Problem

MIB = 1024 * 1024

INTEGERS = st.integers(-(2**63), 2**64 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=30,
)


def refusal(body: bytes, **limits: int) -> str:
    with pytest.raises(Problem) as caught:
        read_json(body, **limits)
    return caught.value.code


@given(DOCUMENTS, st.booleans(), st.booleans())
@settings(max_examples=400 if LONG else 100, deadline=None)
def test_what_is_taken_comes_back(document: Any, ascii_only: bool, spaced: bool) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only, indent=2 if spaced else None).encode()
    assert read_json(body) == document
    assert orjson.loads(orjson.dumps(read_json(body))) == document


@given(st.text('[]{}",:\\u003a 0123456789eE+-.truefalsnb', max_size=60))
@settings(max_examples=600 if LONG else 150, deadline=None)
def test_it_agrees_with_a_careful_reader_or_refuses(text: str) -> None:
    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    try:
        document = read_json(text.encode())
    except Problem:
        return
    assert json.loads(text, object_pairs_hook=no_duplicates) == document


@pytest.mark.parametrize("depth", [63, 64, 65, 254, 255, 1024, 1025, 90_000])
@pytest.mark.parametrize("pair", ["[]", '{"a":}'])
def test_depth(depth: int, pair: str) -> None:
    opening, closing = pair[:-1].encode(), pair[-1:].encode()
    body = opening * depth + b"0" + closing * depth
    if depth <= 64:
        read_json(body)
    else:
        assert refusal(body) == "invalid-json"


def test_depth_counts_levels_and_not_brackets() -> None:
    read_json(b"[" + b",".join([b'[["[[[[]",{"{":[]}]]'] * 500) + b"]")


@pytest.mark.parametrize(
    "number",
    [
        str(2**64),
        str(-(2**63) - 1),
        "1" * 30,
        "9" * 5000,
        f"[1,{2**64}]",
        f'{{"a":{2**64}}}',
        f" -{2**63 + 1} ",
    ],
)
def test_integers_beyond_64_bits(number: str) -> None:
    assert refusal(number.encode()) == "invalid-json"


@pytest.mark.parametrize(
    "value",
    [2**64 - 1, -(2**63), 10**18, "1" * 30, ['\\"' + "1" * 30], {"9" * 25: 1}, 1234567890123456789012.5],
)
def test_long_numbers_that_are_kept(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"x":{"b":1,"b":2}}]',
        b'{"a":1,"a":2,"b":"\\u003a"}',
        b'{"a":":","a":":"}',
        b'{"":1,"":2}',
    ],
)
def test_two_members_of_one_name(body: bytes) -> None:
    assert refusal(body) == "invalid-json"


@pytest.mark.parametrize(
    "body", [b'{"a":":::","b":"\\":\\""}', b'{"\\u003a":"\\u003a"}', b'[{"a":1},{"a":1}]']
)
def test_colons_in_strings_are_no_members(body: bytes) -> None:
    assert read_json(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nul",
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b"01",
        b"[1,]",
        b"{'a':1}",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\\ud800"',
        b'"\n"',
        "{}".encode("utf-16"),
        b"[" * 50,
        b'"unfinished',
        b" ",
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    assert refusal(body) == "malformed-json"


def test_wide_documents() -> None:
    read_json(b"[" + b",".join([b"1"] * (MAX_NODES - 1)) + b"]")
    assert refusal(b"[" + b",".join([b"1"] * (MAX_NODES + 1)) + b"]") == "invalid-json"
    assert read_json(orjson.dumps(["," * MAX_NODES])) == ["," * MAX_NODES]


def _open(depth: int, rest: bytes) -> bytes:
    """`rest` below more levels than are allowed, so that the careful second pass looks at it."""
    return b'{"args":' + b"[" * depth + rest


MALICE = {
    "escapes": b'"' + b'\\"' * (MIB // 2 - 2) + b'"',
    "open": b"[" * MIB,
    "pairs": b"[]," * (MIB // 3),
    "digits": b"1" * MIB,
    "digits then exponent": b"1" * (MIB - 1) + b"e",
    "minus digits": b"-" * (MIB // 2) + b"1" * (MIB // 2),
    "runs": (b"1" * 18 + b"a") * (MIB // 19),
    "long runs": _open(1, (b"1" * 19 + b",") * (MIB // 20 - 10) + b'"\\"'),
    "colons": b'{"a":"\\u0061' + b":" * (MIB - 30) + b'"}',
    "quotes": b'"' * MIB,
    "empty strings": _open(65, b'""' * (MIB // 2 - 50)),
    "unterminated": _open(65, b'"' + b"a" * (MIB - 100)),
    "unterminated escapes": _open(65, b'"' + b'\\"' * (MIB // 2 - 50)),
    "unterminated backslashes": _open(65, b'"' + b"\\" * (MIB - 101)),
    "unterminated digits": b'"' + (b"1" * 20 + b'\\"') * (MIB // 22 - 1),
    "unterminated unicode": b'{"a":"' + b'\\u0022\\"' * (MIB // 8 - 10),
    "strings of escapes": _open(65, b'"\\"",' * (MIB // 5 - 50)),
    "nested objects": b'{"a":' * (MIB // 5),
    "nested and closed": b"[" * (MIB // 2) + b"]" * (MIB // 2),
    "closed only": b"[" * 65 + b"]" * (MIB - 65),
    "stairs": b"[" + b"[[]]," * 20_000 + b"]" * (MIB // 2),
    "deep stairs": b"[" + (b"[" * 64 + b"]" * 64 + b",") * 1500 + b"]" * (MIB // 2),
    "many keys": b"{" + b",".join(b'"%x":0' % number for number in range(90_000)) + b"}",
    "many escaped keys": b"{" + b",".join(b'"\\u0061%x":0' % number for number in range(65_000)) + b"}",
    "one key again and again": b"{" + b",".join([b'"a":0'] * 99_000) + b"}",
    "one escaped key again and again": b"{" + b",".join([b'"\\u0061":0'] * 90_000) + b"}",
    "long keys alike": b"{" + b",".join(b'"%s%d":0' % (b"k" * 900, at) for at in range(1100)) + b"}",
    "wide objects": b"[" + b",".join([b'{"\\u0061":{"b":{}}}'] * 30_000) + b"]",
}


@pytest.mark.parametrize("body", MALICE.values(), ids=MALICE)
def test_one_mebibyte_of_malice_is_cheap(body: bytes) -> None:
    assert len(body) <= MIB
    start = time.process_time()
    with contextlib.suppress(Problem):
        read_json(body)
    # 50 ms on an idle machine; the bound is what tells linear from quadratic.
    assert time.process_time() - start < 0.5


@given(st.text('"\\[]{}a:,u\n0', max_size=40))
@settings(max_examples=600 if LONG else 150, deadline=None)
def test_strings_are_found_as_a_json_reader_finds_them(text: str) -> None:
    slowly = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
    assert STRING.sub(b"", text.encode()) == slowly.sub("", text).encode()
