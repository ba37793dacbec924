"""A question to a person, who may also press Ctrl-C."""

import asyncio
import os
import sys

from jobgate.cli.terminal import say


def can_ask() -> bool:
    """Whether a person is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def confirmed(question: str) -> bool:
    """Return whether a person says yes; without an answer it is no.

    It does not block the event loop, so that Ctrl-C ends it at once.
    """
    say(f"{question} Type y and Enter to do it, Enter alone not to.")
    answered = asyncio.Event()
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()
    loop.add_reader(stdin, answered.set)
    try:
        await answered.wait()
    finally:
        loop.remove_reader(stdin)
    return os.read(stdin, 1024).decode(errors="replace").strip().lower() in {"y", "yes"}
