"""Hostile pickles: calls of dangerous functions in every form, bombs, and honest pickles that were changed.

All of it is written by hand or with a seed, so that a failure can be repeated by the name of its case.
"""

import asyncio
import collections
import datetime
import pickle
import pickletools
import random
import struct
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
MEBI = 1 << 20
#: Calls that fit into the opcodes of one pickle.
MANY = 124_000
#: Text in which Python spends four bytes on each character begins with it.
WIDE = "\U0001f600".encode()
#: Functions that do harm when they are called with a text, and modules that do when they are imported.
DANGEROUS = (
    "os system", "posix system", "nt system", "os popen", "os execlp", "os unlink", "os._wrap_close close",
    "subprocess Popen", "subprocess check_output", "subprocess getoutput", "pty spawn", "shutil rmtree",
    "builtins eval", "builtins exec", "builtins open", "builtins compile", "builtins __import__",
    "builtins getattr", "builtins breakpoint", "builtins input", "__builtin__ eval", "__builtin__ execfile",
    "io open", "io FileIO", "_io open_code", "codecs open", "pathlib Path.touch", "tempfile mktemp",
    "importlib import_module", "runpy run_path", "code interact", "timeit timeit", "cProfile run", "pdb run",
    "pickle loads", "_pickle loads", "marshal loads", "types FunctionType", "types CodeType",
    "functools partial", "functools reduce", "operator methodcaller", "operator attrgetter",
    "socket socket", "socket create_connection", "urllib.request urlopen", "webbrowser open",
    "http.client HTTPConnection", "smtplib SMTP", "ctypes CDLL", "ctypes.util find_library",
    "logging.config fileConfig",
    "signal raise_signal", "os kill", "sys exit", "_thread start_new_thread", "multiprocessing Process",
    "antigravity fly", "this s", "idlelib.idle x", "turtle Turtle", "jobgate.cli.main main",
    "arq.worker Worker",
    "numpy.testing._private.utils runstring", "torch.serialization load", "pandas read_pickle",
)  # fmt: skip


def text(value: str | bytes) -> bytes:
    """Opcodes that push a text."""
    octets = value if isinstance(value, bytes) else value.encode()
    return b"X" + struct.pack("<I", len(octets)) + octets


def as_value(ops: bytes) -> bytes:
    """A pickle of the dict {"value": …} whose value is what the opcodes push."""
    return b"}" + text("value") + ops + b"s."


def as_result(ops: bytes, *, success: bool = True) -> bytes:
    """A result as arq stores it; what the opcodes push is what the function returned or raised."""
    head = {"t": 1, "f": "echo", "a": (), "k": {}, "et": 1, "s": success, "st": 2, "ft": 3, "q": "arq:queue"}
    return pickle.dumps(head, 2)[:-1] + text("r") + ops + b"s."


def as_job(ops: bytes) -> bytes:
    """A job as arq stores it; what the opcodes push is its only argument."""
    return pickle.dumps({"t": None, "f": "echo", "k": {}, "et": 1}, 2)[:-1] + text("a") + ops + b"\x85s."


def calls(command: str) -> Iterator[tuple[str, bytes]]:
    """Yield each dangerous function in each form in which a pickle can call or import something.

    Args:
        command: the argument; what it would do can be looked for.
    """
    for dotted in DANGEROUS:
        for form, ops in _forms(dotted, text(command)):
            yield f"{dotted.replace(' ', '.')} {form}", ops


def _forms(dotted: str, argument: bytes) -> Iterator[tuple[str, bytes]]:
    module, _, name = dotted.partition(" ")
    function = f"c{module}\n{name}\n".encode()
    from_stack = text(module) + text(name) + b"\x93"
    call = function + argument + b"\x85R"
    yield "GLOBAL", function
    yield "REDUCE", call
    yield "STACK_GLOBAL", from_stack + argument + b"\x85R"
    yield "INST", b"(" + argument + f"i{module}\n{name}\n".encode()
    yield "OBJ", b"(" + function + argument + b"o"
    yield "NEWOBJ", function + argument + b"\x85\x81"
    yield "NEWOBJ_EX", function + argument + b"\x85}\x92"
    yield "__newobj__", b"ccopyreg\n__newobj__\n" + function + argument + b"\x86R"
    yield "_reconstructor", b"ccopyreg\n_reconstructor\n" + function + function + argument + b"\x87R"
    owner = f"c{module}\n__dict__\n".encode()
    yield "getattr", b"cbuiltins\ngetattr\n" + owner + text(name) + b"\x86R" + argument + b"\x85R"
    yield "of a call", call + argument + b"\x85R"
    yield "argument of a call", b"cbuiltins\nlist\n" + call + b"\x85R"
    yield "in a partial", b"cfunctools\npartial\n" + function + argument + b"\x86R)R"
    yield "key", b"}" + call + b"Ns"
    yield "state", b"cbuiltins\nobject\n)\x81}" + text("x") + call + b"sb"
    setting = b"cbuiltins\nobject\n)\x81}" + text("__setstate__") + function
    yield "__setstate__", setting + b"sb" + argument + b"b"
    yield "__reduce__", b"cbuiltins\nobject\n)\x81}" + text("__reduce__") + function + b"sb"
    yield "slots", b"cbuiltins\nobject\n)\x81N}" + text("__class__") + function + b"s\x86b"
    yield "items", b"cbuiltins\nlist\n)R(" + call + b"e"
    yield "added", b"\x8f(" + call + b"\x90"
    yield "default_factory", b"ccollections\ndefaultdict\n" + function + b"\x85R"
    yield "nested pickle", b"cpickle\nloads\nB" + struct.pack("<I", len(call) + 1) + call + b".\x85R"


def refused() -> Iterator[tuple[str, bytes]]:
    """Yield opcodes that reach for what is outside of the pickle."""
    yield "PERSID", b"Pos.system\n"
    yield "BINPERSID", text("os.system") + b"Q"
    yield "EXT1", b"\x82\x01"
    yield "EXT2", b"\x83\x01\x00"
    yield "EXT4", b"\x84\x01\x00\x00\x00"
    yield "NEXT_BUFFER", b"\x97"
    yield "READONLY_BUFFER", b"C\x01a\x98"
    yield "GET of nothing", b"h\x07"
    yield "BUILD on a class", b"cos\nsystem\n}b"


def bombs(part: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield small or large pickles that stand for huge ones, or for much work.

    With another `part` than 1, those that are read, with much work, stand for that part of it.
    """
    yield from _deep(part)
    yield from _doubled()
    yield from _long(part)
    yield from _shared()
    for name, function, arguments in _shared_calls():
        ops = b"c" + function + b"\nq\x000" + arguments + b"q\x010("
        yield f"{name} shared", ops + b"h\x00h\x01R" * (MANY // part) + b"l"


def _deep(part: int) -> Iterator[tuple[str, bytes]]:
    yield "deep lists", b"]" * (200_000 // part) + b"a" * (200_000 // part - 1)
    yield "deep tuples", b")" + b"\x85" * (400_000 // part)
    yield "deep dicts", (b"}" + text("a")) * (100_000 // part) + b"N" + b"s" * (100_000 // part)
    yield (
        "deep objects",
        b"cm\nX\nq\x000" + b"h\x00" * (160_000 // part) + b"N" + b"\x85R" * (160_000 // part),
    )
    yield (
        "deep states",
        b"cm\nX\nq\x000" + b"h\x00)\x81" * (120_000 // part) + b"N" + b"b" * (120_000 // part),
    )
    yield "open marks", b"(" * (499_000 // part)
    yield "a list in itself", b"]q\x00h\x00a"
    yield "a dict in itself", b"}q\x00" + text("a") + b"h\x00s"
    yield "an object in itself", b"cm\nX\n)\x81q\x00}" + text("me") + b"h\x00sb"


def _doubled() -> Iterator[tuple[str, bytes]]:
    def doubled(levels: int) -> bytes:
        return b"".join(b"]q%c(h%ch%ce" % (level + 1, level, level) for level in range(levels))

    yield "lists doubled", b"]q\x000" + doubled(40)
    yield "texts doubled", text(b"a" * MEBI) + b"q\x000" + doubled(12)
    yield "keys in keys", b"}" * 90 + text("a") + b"Ns" + b"Ns" * 89
    yield "exceptions in exceptions", b"cm\nError\nq\x000" + b"h\x00" * 90 + b"N" + b"\x85R" * 90


def _long(part: int) -> Iterator[tuple[str, bytes]]:
    yield "too many values", b"](" + b"N" * 480_000 + b"e"
    yield "too many opcodes", b"K\x010" * 600_000 + b"N"
    yield "too many bytes", text(b"a" * (16 * MEBI))
    yield "memo of everything", b"(" + b"]\x94" * (240_000 // part) + b"t"
    yield "memo at a huge index", b"N" + b"r\xff\xff\xff\xff" * 100_000 + b"p" + b"9" * 4000 + b"\n"
    yield "empty dicts", b"(" + b"}" * (249_000 // part) + b"l"
    yield "wide text", text(WIDE + b"a" * (15 * MEBI))
    yield "huge number", b"\x8b" + struct.pack("<i", 15 * MEBI) + b"\x7f" * 15 * MEBI
    yield "long numbers", b"(" + (b"L" + b"9" * 4000 + b"L\n") * (4000 // part) + b"l"
    yield "a long float", b"F0." + b"1" * 15 * MEBI + b"\n"
    yield "escapes", b"(" + b"V\\u0041\n" * (240_000 // part) + b"l"
    keys = (pickle.dumps(number * sys.hash_info.modulus, 2)[2:-1] for number in range(1, 100_000))
    places = (b"p%d\n" % (number * sys.hash_info.modulus) for number in range(1, 400_000))
    yield "colliding places in the memo", b"N" + b"".join(places)
    yield "colliding keys", b"}(" + b"".join(key + b"N" for key in keys) + b"u"


def _shared() -> Iterator[tuple[str, bytes]]:
    eight = b"B" + struct.pack("<I", 8 * MEBI) + b"a" * 8 * MEBI
    number = b"\x8b" + struct.pack("<i", 1780) + b"\x7f" * 1780
    names = text(WIDE + b"m" * 250) + b"q\x000" + text(b"n" * 250) + b"q\x010("
    attributes = b"(" + b"".join(text(f"__{count}") + b"N" for count in range(100_000)) + b"d"
    yield "wide text shared", b"(" + text(WIDE + b"a" * (15 * MEBI)) + b"q\x00h\x00t"
    yield "half surrogates shared", b"(" + text(b"\xed\xa0\x80" * MEBI) + b"q\x00" + b"h\x00" * 30 + b"t"
    yield "bytes shared", eight + b"q\x000(" + b"h\x00" * 9 + b"l"
    yield "names shared", names + b"h\x00h\x01\x93" * MANY + b"t"
    yield "a long number shared", number + b"q\x000(" + b"h\x00" * MANY + b"l"
    yield (
        "attributes shared",
        attributes + b"q\x000cm\nX\nq\x010(" + b"h\x01)\x81h\x00b" * 80_000 + b"l",
    )


def _shared_calls() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield functions with an argument that each of thousands of calls would copy or compute with."""
    huge = b"\x8b" + struct.pack("<i", 4 * MEBI) + b"\x7f" * 4 * MEBI
    long = b"\x8b" + struct.pack("<i", 1787) + b"\x7f" * 1787
    yield "bytearray", b"builtins\nbytearray", b"\x96" + struct.pack("<Q", MEBI) + b"a" * MEBI + b"\x85"
    yield "encode", b"_codecs\nencode", text(b"a" * MEBI) + text("latin1") + b"\x86"
    yield "timedelta", b"datetime\ntimedelta", huge + b"K\x00K\x00\x87"
    yield "range", b"builtins\nrange", long + b"q\x02h\x02h\x02\x87"
    yield "Decimal", b"decimal\nDecimal", text(b"0" * 1024) + b"\x85"
    yield "path", b"pathlib\nPosixPath", b"(" + text("") + b"q\x02" + b"h\x02" * 5000 + b"t"
    yield "date", b"datetime\ndatetime", text(b"\x07\x6a\x01\x02\x03\x04\x05\x00\x02\x26") + b"\x85"
    yield "set", b"builtins\nset", b"(" + b"N" * 10_000 + b"l\x85"
    yield "new object", b"copyreg\n__newobj__", b"(cm\nX\n" + b"N" * 63 + b"t"


def honest() -> Iterator[tuple[str, bytes]]:
    """Yield pickles of what arq writes, in all protocols."""
    east = datetime.timezone(datetime.timedelta(hours=2))
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=east)
    args = (1, -(2**70), 1.5, "é", b"\x00\xff", None, True, [1, {"a": ()}], {1, 2}, frozenset([3]))
    kinds = (moment, moment.date(), moment.timetz(), datetime.timedelta(1), Decimal("1.5"), UUID(int=5))
    more = (
        collections.OrderedDict(a=1),
        collections.deque([1]),
        1j,
        range(3),
        PurePosixPath("/a"),
        bytearray(b"x"),
    )
    for protocol in PROTOCOLS:
        job = {"t": None, "f": "add", "a": args, "k": {"on": kinds, "more": more}, "et": 1}
        ran = {"t": 1, "f": "add", "a": args, "k": {}, "et": 1, "st": 2, "ft": 3, "q": "arq:queue", "id": "x"}
        yield f"job {protocol}", pickle.dumps(job, protocol)
        yield f"result {protocol}", pickle.dumps({**ran, "s": True, "r": kinds}, protocol)
        for error in (ValueError("no"), OSError(2, "gone"), asyncio.CancelledError(), KeyError(("k", 1))):
            failed = {**ran, "s": False, "r": error}
            yield f"{type(error).__name__} {protocol}", pickle.dumps(failed, protocol)


def changed(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield honest pickles with bytes or opcodes changed, left out, doubled or swapped, or cut short."""
    chance = random.Random(seed)
    sources = list(honest())
    for number in range(count):
        name, blob = chance.choice(sources)
        change = chance.choice((_change_bytes, _change_opcodes, _cut))
        yield f"{name}, {change.__name__} {seed}:{number}", change(blob, chance)


def _change_bytes(blob: bytes, chance: random.Random) -> bytes:
    octets = bytearray(blob)
    for _ in range(chance.randint(1, 6)):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    return bytes(octets)


def _change_opcodes(blob: bytes, chance: random.Random) -> bytes:
    starts = [place for _, _, place in pickletools.genops(blob) if place is not None]
    pieces = [blob[start:end] for start, end in zip(starts, [*starts[1:], len(blob)], strict=True)]
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        match chance.randrange(4):
            case 0:
                pieces[at] = b""
            case 1:
                pieces[at] *= 2
            case 2:
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case _:
                pieces[at] = chance.choice(_PIECES)
    return b"".join(pieces)


def _cut(blob: bytes, chance: random.Random) -> bytes:
    return blob[: chance.randrange(len(blob))]


_PIECES = (
    b"cos\nsystem\n",
    text("true"),
    b"\x85R",
    b"\x81",
    b"b",
    b"(",
    b"t",
    b"o",
    b"K\x05",
    b"h\x00",
    b"0",
    b"2",
)


def noise(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield random bytes and random opcodes, some with the first byte of a pickle."""
    chance = random.Random(seed)
    opcodes = [op.code.encode("latin-1") for op in pickletools.opcodes]
    for number in range(count):
        size = chance.randrange(120)
        if number % 2:
            blob = chance.randbytes(size)
        else:
            blob = b"".join(chance.choice(chance.choice((opcodes, _PIECES))) for _ in range(size // 2))
        yield f"noise {seed}:{number}", chance.choice((b"", b"\x80\x04", b"\x80\x02")) + blob + b"."


def corpus(command: str, *, changes: int, noises: int, seed: int = 4) -> Iterator[tuple[str, bytes]]:
    """Yield all of it but the bombs, as whole pickles of values and of results in every protocol's frame."""
    forms = [*calls(command), *refused()]
    for wrap in (as_value, as_result, partial(as_result, success=False), as_job):
        for name, ops in forms:
            yield f"{name} in {getattr(wrap, '__name__', 'failure')}", wrap(ops)
    for protocol in PROTOCOLS[2:]:
        for name, ops in forms[::7]:
            yield f"{name} in protocol {protocol}", b"\x80" + bytes([protocol]) + as_value(ops)
    yield from changed(changes, seed)
    yield from noise(noises, seed)
    for name, blob in honest():
        yield from ((f"{name} cut at {end}", blob[:end]) for end in range(0, len(blob), 3))


def first(cases: Iterator[tuple[str, Any]], step: int) -> list[tuple[str, Any]]:
    """Return every `step`-th case."""
    return [case for number, case in enumerate(cases) if number % step == 0]
