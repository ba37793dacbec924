"""How much of stored data is read where their writer is not trusted."""

from dataclasses import dataclass

from jobgate.broker.errors import DecodeError


class TooLarge(DecodeError):
    """Stored data exceed a limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one pickle may take. docs/pickle.md tells users of `FULL`."""

    #: Bytes of the pickle, and of what its opcodes copy from values that they share.
    bytes: int
    #: Opcodes of the pickle.
    opcodes: int
    #: Values in the output, containers and leaves; one that is shared counts each time it is shown.
    values: int
    #: Characters of text in the output.
    text: int

    def exceeded(self, what: str) -> TooLarge:
        """Return the error that names the limit."""
        return TooLarge(f"Stored data hold more than {what}: store less.")


#: Up to a second and 150 MiB, beside other work.
FULL = Limits(bytes=1 << 24, opcodes=500_000, values=250_000, text=1 << 24)
#: Up to some milliseconds: an event loop may wait for it.
QUICK = Limits(bytes=1 << 17, opcodes=4_000, values=2_000, text=1 << 17)
