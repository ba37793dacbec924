"""Limits on reading pickles from untrusted writers."""

from dataclasses import dataclass

from jobgate.broker.errors import DecodeError


class TooLarge(DecodeError):
    """Stored data exceed a limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on reading one pickle. docs/pickle.md describes `FULL` to users."""

    #: Bytes of the pickle, and bytes that its opcodes copy from shared values.
    bytes: int
    #: Opcodes of the pickle.
    opcodes: int
    #: Values in the output, containers and leaves. A shared value counts each time it appears.
    values: int
    #: Characters of text in the output.
    text: int

    def exceeded(self, what: str) -> TooLarge:
        """Return the error for a limit that was exceeded."""
        return TooLarge(f"Stored data hold more than {what}: store less.")


#: Takes up to a second and 150 MiB.
FULL = Limits(bytes=1 << 24, opcodes=500_000, values=250_000, text=1 << 24)
#: Takes a few milliseconds: short enough for an event loop.
QUICK = Limits(bytes=1 << 17, opcodes=4_000, values=2_000, text=1 << 17)
