"""Hostile pickles, each with what becomes of it; test_hostile_pickles.py reads thousands more."""

import contextlib
import datetime
import functools
import io
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.forms import LONG
from harness.naming import stable_repr
from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles import read_pickle

#: Random pickles of each kind.
EXAMPLES = 2000 if LONG else 200
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)


class Oops(Exception):
    pass


class Thing:
    pass


def read_ops(ops: bytes) -> Any:
    """Read the dict {"value": …} whose value is what the opcodes push."""
    return read_pickle(b"}X\x05\x00\x00\x00value" + ops + b"s.")["value"]


def imported() -> set[str]:
    """The modules that are loaded, without those by which Python reads escapes in text."""
    return {name for name in sys.modules if not name.startswith("encodings.")}


class Reduces:
    """Pickles to a call of anything with anything."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that a hostile pickle would make."""
    return tmp_path / "canary"


HOSTILE: dict[str, Callable[[str], Any]] = {
    "os.system": lambda path: Reduces(__import__("os").system, (f"touch {path}",)),
    "eval": lambda path: Reduces(eval, (f"open({path!r}, 'w')",)),
    "exec": lambda path: Reduces(exec, (f"open({path!r}, 'w')",)),
    "open": lambda path: Reduces(open, (path, "w")),
    "partial": lambda path: Reduces(functools.partial(open, path, "w"), ()),
    "nested": lambda path: [Reduces(list, (Reduces(open, (path, "w")),))],
    "as a key": lambda path: {Reduces(open, (path, "w")): 1},
    "as a state": lambda path: Reduces(Thing, (), {"inside": Reduces(open, (path, "w"))}),
    "in a setter": lambda path: Reduces(Thing, (), (open, (path, "w"))),
    "getattr": lambda path: Reduces(getattr, (Path(path), "touch")),
    "as items": lambda path: Reduces(list, (), None, iter([Reduces(open, (path, "w"))])),
    "as pairs": lambda path: Reduces(dict, (), None, None, iter([("a", Reduces(open, (path, "w")))])),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_objects_do_nothing(make: Callable[[str], Any], protocol: int, canary: Path) -> None:
    blob = pickle.dumps({"value": make(str(canary))}, protocol)
    with contextlib.suppress(DecodeError):
        read_pickle(blob)
    assert not canary.exists()


@pytest.mark.parametrize(
    "ops",
    [
        pytest.param(b"cantigravity\nfly\n)R", id="GLOBAL and REDUCE"),
        pytest.param(b"(iantigravity\nfly\n", id="INST"),
        pytest.param(b"(cantigravity\nfly\no", id="OBJ"),
        pytest.param(b"cantigravity\nfly\n)\x81", id="NEWOBJ"),
        pytest.param(b"cantigravity\nfly\n)}\x92", id="NEWOBJ_EX"),
        pytest.param(b"X\x0b\x00\x00\x00antigravityX\x03\x00\x00\x00fly\x93", id="STACK_GLOBAL"),
        pytest.param(b"cbuiltins\n__import__\nX\x0b\x00\x00\x00antigravity\x85R", id="__import__"),
        pytest.param(b"cbuiltins\ngetattr\ncantigravity\nfly\nX\x01\x00\x00\x00x\x86R", id="getattr"),
    ],
)
def test_nothing_is_imported(ops: bytes) -> None:
    before = imported()
    assert isinstance(read_ops(ops), dict)
    assert imported() == before


@pytest.mark.parametrize(
    "ops",
    [
        pytest.param(b"Pid\n", id="PERSID"),
        pytest.param(b"K\x01Q", id="BINPERSID"),
        pytest.param(b"\x82\x01", id="EXT1"),
        pytest.param(b"\x83\x01\x00", id="EXT2"),
        pytest.param(b"\x84\x01\x00\x00\x00", id="EXT4"),
        pytest.param(b"\x97", id="NEXT_BUFFER"),
        pytest.param(b"C\x01a\x98", id="READONLY_BUFFER"),
        pytest.param(b"cdecimal\nDecimal\n}b", id="BUILD on a class"),
        pytest.param(b"K\x01}b", id="BUILD on a number"),
        pytest.param(b"K\x01)R", id="REDUCE of a number"),
        pytest.param(b"cos\nsystem\nK\x01R", id="REDUCE without a tuple"),
        pytest.param(b"K\x01K\x02a", id="APPEND to a number"),
        pytest.param(b"]K\x01K\x02s", id="SETITEM of a list"),
        pytest.param(b"}(K\x01u", id="SETITEMS of an odd number"),
        pytest.param(b"h\x07", id="GET of nothing"),
        pytest.param(b"K\x01K\x02\x93", id="STACK_GLOBAL of numbers"),
        pytest.param(b"c" + b"m" * 600 + b"\nx\n", id="endless name"),
        pytest.param(b"cbuiltins\nbytearray\n\x8a\x05\x00\xe4\x0bT\x02\x85R", id="bytearray(10**10)"),
        pytest.param(b"ccopyreg\n__newobj__\n)R", id="__newobj__ of nothing"),
        pytest.param(b"0000", id="POP of an empty stack"),
        pytest.param(b"u", id="no mark"),
        pytest.param(b"", id="no value"),
        pytest.param(b"L" + b"9" * 10_000 + b"L\n", id="endless number in text"),
        pytest.param(b"\x8b" + struct.pack("<i", 8000) + b"\x7f" * 8000, id="endless number in bytes"),
        pytest.param(b"\x8b" + struct.pack("<i", 2**31 - 1), id="number longer than the pickle"),
        pytest.param(b"\x8d" + struct.pack("<Q", 2**62), id="text longer than the pickle"),
        pytest.param(b"\x96" + struct.pack("<Q", 10**10), id="bytearray longer than the pickle"),
    ],
)
def test_what_no_job_needs_is_refused(ops: bytes) -> None:
    with pytest.raises(DecodeError):
        read_ops(ops)


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("datetime\ndatetime", b"C\x0a" + b"\xff" * 10 + b"\x85"),
        ("datetime\ndatetime", b"K\x01\x85"),
        ("datetime\ndatetime", b")"),
        ("datetime\ndate", b"C\x02ab\x85"),
        ("datetime\ntimedelta", b"NNN\x87"),
        ("datetime\ntimedelta", b"\x8a\x09" + b"\xff" * 8 + b"\x00K\x00K\x00\x87"),
        ("decimal\nDecimal", b"X\x03\x00\x00\x00abc\x85"),
        ("decimal\nDecimal", b"X\x00\x20\x00\x00" + b"0" * 0x2000 + b"\x85"),
        ("builtins\nrange", b"(" + b"N" * 100 + b"t"),
        ("uuid\nUUID", b")"),
        ("builtins\nset", b"K\x05\x85"),
        ("collections\ndeque", b"X\x03\x00\x00\x00abc\x85"),
    ],
)
def test_a_known_class_with_odd_arguments_is_only_named(path: str, args: bytes) -> None:
    assert read_ops(b"c" + path.encode() + b"\n" + args + b"R") == {"__class__": path.replace("\n", ".")}


def nested(levels: int) -> bytes:
    return b"]" * levels + b"a" * (levels - 1)


def doubled(opcode: bytes, levels: int) -> bytes:
    """Lists that hold the list before them twice."""
    steps = b"".join(b"]q%c(h%ch%ce" % (level + 1, level, level) for level in range(levels))
    return opcode + b"q\x000" + steps


@pytest.mark.parametrize(
    "ops",
    [
        pytest.param(nested(200), id="deep"),
        pytest.param(nested(200_000), id="very deep"),
        pytest.param(b")" + b"\x85" * 200_000, id="very deep tuples"),
        pytest.param(b"]q\x00h\x00a", id="a list in itself"),
        pytest.param(b"}q\x00X\x01\x00\x00\x00ah\x00s", id="a dict in itself"),
        pytest.param(b"cbuiltins\nset\n]\x85R" + b"\x85R" * 200_000, id="no function under a call"),
        pytest.param(doubled(b"]", 40), id="a list twice in a list, 40 levels"),
        pytest.param(doubled(b"X\x00\x00\x10\x00" + b"a" * (1 << 20), 12), id="a long text 4096 times"),
        pytest.param(b"](" + b"N" * 600_000 + b"e", id="too many values"),
        pytest.param(b"K\x010" * 600_000 + b"N", id="too many opcodes"),
        pytest.param(b"X\x00\x00\x00\x01" + b"a" * (1 << 24), id="too many bytes"),
    ],
)
def test_bombs_are_refused(ops: bytes) -> None:
    with pytest.raises(DecodeError):
        read_ops(ops)


def test_a_call_of_a_call_is_named_after_the_first() -> None:
    assert read_ops(b"cm\nX\n)R" + b")R" * 100_000) == {"__class__": "m.X"}


@pytest.mark.timeout(40)
@pytest.mark.parametrize(
    ("shared", "call"),
    [
        pytest.param(b"(" + b"U\x01a" * 100_000 + b"t", b"cbuiltins\nrange\nh\x00R", id="arguments"),
        pytest.param(b"(" + b"NN" * 100_000 + b"d", b"cuuid\nUUID\n)Rh\x00b", id="state"),
        pytest.param(
            b"X\x00\x00\x10\x00" + b"0" * (1 << 20) + b"\x85", b"cdecimal\nDecimal\nh\x00R", id="digits"
        ),
        pytest.param(b"(" + b"K\x01" * 100_000 + b"t", b"cdatetime\ntimedelta\nh\x00R", id="numbers"),
    ],
)
def test_what_calls_share_is_not_looked_at_by_each(shared: bytes, call: bytes) -> None:
    assert len(read_ops(b"(" + shared + b"q\x000" + call * 50_000 + b"l")) == 50_000


def test_bytes_made_from_one_shared_text_are_bounded() -> None:
    text = b"X\x00\x00\x10\x00" + b"a" * (1 << 20) + b"q\x000"
    call = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R0"
    with pytest.raises(DecodeError, match="bytes in copies"):
        read_ops(text + call * 100 + b"N")


def test_keys_that_collide_cost_no_more_than_others() -> None:
    """A real dict would compare each of these numbers, which all hash to 0, with all before it."""
    modulus = sys.hash_info.modulus
    keys = [number * modulus for number in range(1, 20_000)]
    pickler_free = b"".join(pickle.dumps(key, 2)[2:-1] + b"N" for key in keys)
    assert len(read_ops(b"}(" + pickler_free + b"u")) == len(keys)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_truncated_pickles_are_a_decode_error(protocol: int) -> None:
    blob = pickle.dumps({"a": (MOMENT, {1}, UUID(int=3)), "k": {"x": Oops("y")}}, protocol)
    for end in range(len(blob)):
        with pytest.raises(DecodeError):
            read_pickle(blob[:end])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_a_decode_error_or_data(blob: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(read_pickle(blob), dict)


OPCODES = [bytes([number]) for number in range(256)]
PIECES = [
    b"cos\nsystem\n",
    b"X\x01\x00\x00\x00a",
    b"K\x05",
    b"q\x00",
    b"h\x00",
    b"h\x01",
    b"q\x01",
    b"I01\n",
    b"(",
    b"}",
]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(OPCODES + PIECES * 10), max_size=60), st.booleans())
def test_random_opcodes_are_a_decode_error_or_data(pieces: list[bytes], in_a_dict: bool) -> None:
    before = imported()
    ops = b"".join(pieces)
    with contextlib.suppress(DecodeError):
        read_pickle(b"}X\x05\x00\x00\x00value" + ops + b"s." if in_a_dict else ops + b".")
    assert imported() == before


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_changed_bytes_are_a_decode_error_or_data(data: st.DataObject) -> None:
    blob = bytearray(pickle.dumps({"a": (MOMENT, {1}, UUID(int=3)), "k": {"x": Oops("y")}}, 4))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DecodeError):
        assert isinstance(read_pickle(bytes(blob)), dict)


@pytest.mark.parametrize("value", [[1], 5, "text", None, Thing()], ids=stable_repr)
def test_what_is_no_dict_is_a_decode_error(value: Any) -> None:
    with pytest.raises(DecodeError, match="no dict"):
        read_pickle(pickle.dumps(value))


def test_bytes_behind_the_end_are_ignored_as_pickle_does() -> None:
    blob = pickle.dumps({"a": 1}) + b"rest"
    assert read_pickle(blob) == pickle.load(io.BytesIO(blob))
