"""How a command fails in the user's own code: the user's lines of the traceback, then one sentence."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

from jobgate.cli.options.logs import fail
from jobgate.worker import LoadError, Settings, WorkerError, await_if_needed, message_of

#: Packages whose lines tell a user nothing about the user's own code.
_NOT_THE_USERS: Final = frozenset({"click", "importlib", "jobgate"})


class HookRaised(WorkerError):
    """`on_startup` raised; the exception is its cause."""


def naming_on_startup(settings: Settings) -> Settings:
    """Return settings whose `on_startup`, if there is one, raises `HookRaised` where it raises."""
    hook = settings.on_startup
    if hook is None:
        return settings

    async def on_startup(ctx: dict[str, Any]) -> None:
        try:
            await await_if_needed(hook(ctx))
        except Exception as error:
            name = type(error).__name__
            raise HookRaised(f"on_startup raised {name}: {message_of(error)}") from error

    return settings.changed(on_startup=on_startup)


def failed_with(error: Exception, form: str = "text") -> SystemExit:
    """Return what ends the command with code 1, after the error was written in the log's form.

    Args:
        error: its text is the sentence. Where the user's code has raised, that is its cause.
        form: `text` or `json`, as `--log-format`.
    """
    cause = error.__cause__ if isinstance(error, LoadError | HookRaised) else None
    if cause is not None:
        _leave_users_lines(cause)
    return fail(str(error), form, cause)


def _leave_users_lines(raised: BaseException) -> None:
    """Take the lines that are not the user's out of an exception's traceback and of those before it."""
    for each in _chain(raised):
        each.__traceback__ = _users_lines(each.__traceback__)


def _chain(raised: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what its traceback shows before it."""
    seen: set[int] = set()
    rest: list[BaseException | None] = [raised]
    while rest:
        each = rest.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        rest += [each.__cause__, each.__context__]
        yield each


def _users_lines(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    below = _users_lines(trace.tb_next)
    package = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
    if package in _NOT_THE_USERS:
        return below
    return TracebackType(below, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
