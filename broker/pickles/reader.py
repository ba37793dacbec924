"""Reads a pickle as plain data: it imports nothing and calls nothing that the pickle names.

bodies/stored.py chooses this reader. Only where `trust_pickle` is set, for workers and clients that chose
pickle, trusted.py loads real objects instead.

Any producer can write a job's pickle, so `pickle.loads` would let each of them run code in the gateway. A
subclass of `pickle.Unpickler` with its own `find_class` is not enough: it still hashes keys that the writer
chose, fills each `__dict__`, and makes a `bytearray(10**10)` on request. So this is a small stack machine.
`pickletools.genops` splits the stream into opcodes, and each opcode moves nodes on the stack. A class is only
the text of its name; a call is only a record of that name and its arguments. Afterwards plain.py writes the
finished tree, by the closed table in objects.py.

Everything is bounded: the bytes read, the opcodes run, the copies of shared arguments, and the values, text
and depth of the output, in which shared nodes count each time they appear. docs/pickle.md describes the
limits, and how each type is shown.
"""

import codecs
import pickletools
import re
from collections.abc import Callable
from typing import Any

from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles.limits import FULL, Limits, TooLarge
from jobgate.broker.pickles.objects import Made, Named
from jobgate.broker.pickles.plain import Writer

#: Characters in the dotted name of a class.
MAX_NAME = 512
#: Arguments of `copyreg.__newobj__`; they are copied.
_MAX_MOVED_ARGS = 64

#: A lone surrogate in UTF-8, and how many are allowed: binary data may contain some by chance.
_HALF = re.compile(rb"\xed[\xa0-\xbf]")
_MAX_HALVES = 50_000

# Python imports the decoder for text of protocol 0 at its first use. Import it now, not during a read.
codecs.lookup("raw_unicode_escape")

_PYTHON_2_MODULES = {"__builtin__": "builtins", "exceptions": "builtins", "copy_reg": "copyreg"}


def read_pickle(blob: bytes, limits: Limits = FULL) -> dict[str, Any]:
    """Return the pickled dict of a job or a result as data that JSON can hold.

    plain.py has the table of what each value becomes. In a failed result, `r` always becomes
    `{"type": …, "message": …}`.

    Args:
        blob: The pickle, of any protocol.
        limits: How much is read and written.

    Raises:
        DecodeError: It is not a pickle of a dict, or it exceeds the limits (TooLarge). Nothing else is ever
            raised.
    """
    if len(blob) > limits.bytes:
        raise limits.exceeded(f"{limits.bytes} bytes")
    _refuse_broken_text(blob, limits)
    try:
        return _write_fields(_Machine(limits).run(blob), limits)
    except DecodeError:
        raise
    except Exception as error:  # the standard library's own errors for malformed bytes
        raise DecodeError(
            "Stored bytes are not a pickle that can be read: use the producer's codec."
        ) from error


def _refuse_broken_text(blob: bytes, limits: Limits) -> None:
    """Refuse many lone surrogates: Python decodes each in a slow step that blocks all threads."""
    if len(blob) < 3 * _MAX_HALVES:
        return
    for count, _ in enumerate(_HALF.finditer(blob)):
        if count == _MAX_HALVES:
            raise limits.exceeded(f"{_MAX_HALVES} lone surrogates")


def _write_fields(root: Any, limits: Limits) -> dict[str, Any]:
    if not isinstance(root, Made) or root.path != "builtins.dict":
        raise DecodeError("The pickle holds no dict: another program wrote this key.")
    fields = dict(pair for pair in root.pairs or () if isinstance(pair[0], str))
    writer = Writer(limits)
    try:
        return _written(fields, writer)
    except DecodeError as error:
        # Too large for QUICK: the caller reads it again with FULL, so do not shorten it here.
        if not writer.has_shown_fields or (limits is not FULL and isinstance(error, TooLarge)):
            raise
    # Objects in a cycle cannot be written, but each has a class name.
    return _written(fields, Writer(limits, shows_fields=False))


def _written(fields: dict[str, Any], writer: Writer) -> dict[str, Any]:
    failed = fields.get("s") is False
    return {
        name: writer.write_raised(value, 1)
        if failed and name == "r" and isinstance(value, Made)
        else writer.write(value, 1)
        for name, value in fields.items()
    }


class _Machine:
    """The stack, the memo, and one step for each opcode."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # the stacks under each open mark
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def run(self, blob: bytes) -> Any:
        """Return what is on the stack when the pickle stops."""
        for count, (opcode, arg, _) in enumerate(pickletools.genops(blob)):
            if count > self._limits.opcodes:
                raise self._limits.exceeded(f"{self._limits.opcodes} opcodes")
            step = _STEPS.get(opcode.name)
            if step is None:
                raise DecodeError(f"The pickle uses {opcode.name}, which no job needs: store plain data.")
            step(self, arg)
        return self._stack[-1]

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self, _: Any = None) -> Any:
        if not self._stack and self._below:
            return self.pop_mark()
        return self._stack.pop()

    def duplicate(self, _: Any) -> None:
        self.push(self._stack[-1])

    def mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def pop_mark(self, _: Any = None) -> list[Any]:
        items = self._stack
        self._stack = self._below.pop()
        return items

    def remember(self, index: int | None) -> None:
        index = len(self._memo) if index is None else index
        if index > self._limits.opcodes:
            # Python's own numbers start at 0. Chosen ones could share a hash and be compared one by one.
            raise self._limits.exceeded(f"{self._limits.opcodes} remembered values")
        self._memo[index] = self._stack[-1]

    def recall(self, index: int) -> None:
        self.push(self._memo[index])

    def make_list(self, _: Any) -> None:
        self.push(self.pop_mark())

    def make_tuple(self, _: Any) -> None:
        self.push(tuple(self.pop_mark()))

    def make_dict(self, _: Any) -> None:
        items = self.pop_mark()
        self.push(Made("builtins.dict"))
        _set_pairs(self._stack[-1], items)

    def make_frozenset(self, _: Any) -> None:
        self.push(Made("builtins.frozenset", (self.pop_mark(),)))

    def append(self, _: Any) -> None:
        item = self.pop()
        _append(self._stack[-1], [item])

    def append_all(self, _: Any) -> None:
        items = self.pop_mark()
        _append(self._stack[-1], items)

    def set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        _set_pairs(self._stack[-1], [key, value])

    def set_items(self, _: Any) -> None:
        items = self.pop_mark()
        _set_pairs(self._stack[-1], items)

    def name(self, arg: str) -> None:
        module, _, name = arg.partition(" ")
        self.push(self._named(module, name))

    def name_from_stack(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        self.push(self._named(module, name))

    def call(self, _: Any) -> None:
        args, function = self.pop(), self.pop()
        self.push(self._called(function, args))

    def call_new(self, _: Any) -> None:
        args, cls = self.pop(), self.pop()
        self.push(_made(cls, args, is_object=True))

    def call_new_with_names(self, _: Any) -> None:
        self.pop()
        self.call_new(None)

    def call_marked(self, _: Any) -> None:
        cls, *args = self.pop_mark()
        self.push(_made(cls, tuple(args)))

    def call_named(self, arg: str) -> None:
        module, _, name = arg.partition(" ")
        self.push(_made(self._named(module, name), tuple(self.pop_mark())))

    def set_state(self, _: Any) -> None:
        state = self.pop()
        target = self._stack[-1]
        if not isinstance(target, Made):
            raise DecodeError("The pickle sets attributes of a plain value: store plain data.")
        target.state = state

    def _called(self, function: Any, args: Any) -> Any:
        path = function.path if isinstance(function, Named | Made) else ""
        if path == "builtins.getattr":
            owner, name = args
            return self._named(owner.path, name)
        if path == "copyreg._reconstructor":
            values = args[2] if len(args) == 3 and isinstance(args[2], tuple) else ()
            return _made(args[0], values, is_object=True)
        if path == "copyreg.__newobj__" and len(args) <= _MAX_MOVED_ARGS:
            self._copy(8 * len(args))
            return _made(args[0], args[1:], is_object=True)
        if path.endswith("._reconstruct") and args and isinstance(args[0], Named):
            return _made(args[0], ())  # an array of numpy: the class is the first argument
        if path in {"_codecs.encode", "builtins.bytes", "builtins.bytearray"}:
            return self._octets(args)
        return _made(function, args)

    def _octets(self, args: Any) -> bytes | bytearray:
        """Return the bytes that protocols without a bytes type write as Latin-1 text."""
        match args:
            case ():
                return b""
            case (bytes() | bytearray() as octets,):
                return octets  # not copied: nothing changes it, and thousands of calls may share it
            case (str() as text, "latin1" | "latin-1"):
                self._copy(len(text))
                return text.encode("latin-1")
        raise DecodeError("The pickle makes bytes in an unknown way: store plain data.")

    def _named(self, module: Any, name: Any) -> Named:
        if (
            not isinstance(module, str)
            or not isinstance(name, str)
            or (length := len(module) + len(name)) >= MAX_NAME
        ):
            raise DecodeError("The pickle names a class in an unknown way: store plain data.")
        self._copy(length)
        path = f"{_PYTHON_2_MODULES.get(module, module)}.{name}"
        return Named("builtins.range" if path == "builtins.xrange" else path)

    def _copy(self, size: int) -> None:
        """Count the bytes that one opcode copies: thousands may copy the same value."""
        self._copied += size
        if self._copied > self._limits.bytes:
            raise self._limits.exceeded(f"{self._limits.bytes} bytes in copies")


def _made(function: Any, args: Any, *, is_object: bool = False) -> Made:
    if not isinstance(function, Named | Made) or not isinstance(args, tuple):
        raise DecodeError("The pickle calls a value that is not a class: store plain data.")
    return Made(function.path, args, is_object=is_object)


def _append(target: Any, items: list[Any]) -> None:
    if isinstance(target, Made):
        target.add_items(items)
    elif isinstance(target, list):
        target.extend(items)
    else:
        raise DecodeError("The pickle appends to a value that is not a list: store plain data.")


def _set_pairs(target: Any, items: list[Any]) -> None:
    if not isinstance(target, Made) or len(items) % 2:
        raise DecodeError("The pickle sets items of a value that is not a dict: store plain data.")
    target.add_pairs(zip(items[::2], items[1::2], strict=True))


def _push_arg(machine: _Machine, arg: Any) -> None:
    machine.push(arg)


def _pushes(make: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.push(make())


def _gathers(count: int) -> Callable[[_Machine, Any], None]:
    def gather(machine: _Machine, _: Any) -> None:
        machine.push(tuple([machine.pop() for _ in range(count)][::-1]))

    return gather


def _nothing(machine: _Machine, arg: Any) -> None:
    """Skip an opcode that only frames or ends the stream."""


#: Opcode -> step. Other opcodes are refused: persistent ids, extension codes, out-of-band buffers.
_STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), _push_arg),
    **dict.fromkeys(("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"), _push_arg),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _push_arg),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"), _push_arg),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _nothing),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    "NONE": _pushes(lambda: None),
    "NEWTRUE": _pushes(lambda: True),
    "NEWFALSE": _pushes(lambda: False),
    "EMPTY_LIST": _pushes(list),
    "EMPTY_TUPLE": _pushes(tuple),
    "EMPTY_DICT": _pushes(lambda: Made("builtins.dict")),
    "EMPTY_SET": _pushes(lambda: Made("builtins.set")),
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.duplicate,
    "MARK": _Machine.mark,
    "LIST": _Machine.make_list,
    "TUPLE": _Machine.make_tuple,
    "TUPLE1": _gathers(1),
    "TUPLE2": _gathers(2),
    "TUPLE3": _gathers(3),
    "DICT": _Machine.make_dict,
    "FROZENSET": _Machine.make_frozenset,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.append_all,
    "ADDITEMS": _Machine.append_all,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call_new,
    "NEWOBJ_EX": _Machine.call_new_with_names,
    "OBJ": _Machine.call_marked,
    "INST": _Machine.call_named,
    "BUILD": _Machine.set_state,
}
