"""A table of named numbers in memory: one process writes it, others may read it meanwhile.

The memory begins with the number of bytes that the names use. It goes on with the numbers, in cells of
8 bytes, and ends with the names: of each the length of its text and its number of cells, 2 bytes each, and
the text, a list in JSON. A name is in use once the number at the beginning includes it. So a reader sees
whole names, and a process that is killed leaves a table that its successor continues.
"""

import struct
from collections.abc import Iterator
from typing import Final

import orjson

#: What identifies a number, such as a metric and the values of its labels.
Name = tuple[str, ...]

_CELLS: Final = 65_536
_NAMES: Final = 4 * 1024 * 1024
_HEADER: Final = 8
#: Bytes of a table. Those that were never written take no memory.
SIZE: Final = _HEADER + 8 * _CELLS + _NAMES
#: Cells at the beginning for names that found no room; nobody reads them.
_SPARE: Final = 64
_ENTRY: Final = struct.Struct("<HH")


class Table:
    """Named numbers.

    Args:
        memory: `SIZE` bytes; zeros are an empty table.
    """

    def __init__(self, memory: memoryview) -> None:
        names_at = _HEADER + 8 * _CELLS
        self._used = memory[:_HEADER].cast("Q")
        self._names = memory[names_at:SIZE]
        #: The cells.
        self.values = memory[_HEADER:names_at].cast("d")
        #: First cell and number of cells of each name that was read.
        self._places: dict[Name, tuple[int, int]] = {}
        self._read = 0
        self._next = _SPARE

    def place(self, name: Name, width: int = 1) -> int:
        """Return the first cell of a name, which is added if it is new.

        A full table gives cells that nobody reads: further names are not counted.

        Args:
            name: The name.
            width: Its number of cells, at most 64.
        """
        self._read_on()
        known = self._places.get(name)
        if known is not None:
            return known[0]
        text = orjson.dumps(name)
        end = self._read + _ENTRY.size + len(text)
        if self._next + width > _CELLS or end > _NAMES or len(text) > 0xFFFF:
            return 0
        self._names[self._read : end] = _ENTRY.pack(len(text), width) + text
        self._used[0] = end
        self._read_on()
        return self._places[name][0]

    def items(self) -> Iterator[tuple[Name, list[float]]]:
        """Yield all names with their numbers, in the order in which they were added."""
        self._read_on()
        for name, (place, width) in self._places.items():
            yield name, [*map(float, self.values[place : place + width])]

    def value(self, name: Name) -> float:
        """Return the number of a name with one cell; 0 if it is not there."""
        self._read_on()
        known = self._places.get(name)
        return 0.0 if known is None else self.values[known[0]]

    def clear(self) -> None:
        """Set all numbers to 0; the names stay."""
        self._read_on()
        self.values[: self._next] = memoryview(bytes(8 * self._next)).cast("d")

    def _read_on(self) -> None:
        """Read the names that were added since the last time."""
        used = self._used[0]
        while self._read < used:
            length, width = _ENTRY.unpack_from(self._names, self._read)
            start = self._read + _ENTRY.size
            try:
                name = tuple(orjson.loads(self._names[start : start + length]))
            except orjson.JSONDecodeError:
                return  # some processors show the writes of another one in another order
            self._places[name] = (self._next, width)
            self._next += width
            self._read = start + length
