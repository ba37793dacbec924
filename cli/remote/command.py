"""Commands that call a gateway or Redis."""

from typing import Final

import click

from jobgate.cli.option import SectionedCommand

_EXIT_CODES: Final = (
    ("0", "Done."),
    ("1", "The job failed, or was aborted."),
    ("2", "Wrong usage, or a wrong setting."),
    ("3", "Refused: the key, no such function or job, its arguments, its status."),
    ("4", "The gateway or Redis does not answer, or the outcome is unknown."),
    ("5", "The job has not ended in time."),
    ("74", "The output cannot be written, as on a full disk."),
    ("130", "Ctrl-C."),
)


class RemoteCommand(SectionedCommand):
    """A command that ends with one of `ExitCode`."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes, then the examples."""
        with formatter.section("Exit codes"):
            formatter.write_dl(_EXIT_CODES)
        super().format_epilog(ctx, formatter)
