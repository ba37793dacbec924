"""What is to be done with each line of standard input."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgate.cli.calls import Arguments
from jobgate.cli.lines.line_options import LineOptions
from jobgate.cli.lines.reading import Line

if TYPE_CHECKING:
    from jobgate.client import Call


@dataclass(frozen=True, slots=True)
class LineCalls:
    """How a line becomes a call."""

    function: str
    #: The arguments of all lines; a line's own precede them.
    fixed: Arguments
    #: Options of all jobs, as for `Client.with_options`.
    options: dict[str, Any]
    lines: LineOptions

    def call(self, line: Line) -> "Call":
        """Return the call that a line means.

        Raises:
            ValueError: It does not stand for a call.
        """
        from jobgate.client import Call  # noqa: PLC0415 - it takes longer to import than all of this

        arguments = line.arguments(self.fixed, is_text=self.lines.is_text)
        call = Call(self.function, *arguments.args, **arguments.kwargs)
        prefix = self.lines.id_prefix
        return call if prefix is None else call.with_options(job_id=line.job_id(prefix, self.function))
