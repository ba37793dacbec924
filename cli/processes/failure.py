"""How a command fails in the user's own code: the user's lines of the traceback, then one sentence."""

import asyncio
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from jobgate.cli.options import logs
from jobgate.worker import LoadError, Settings, WorkerError, message_of

#: Packages whose lines say nothing about the user's own code.
_NOT_THE_USERS: Final = frozenset({"click", "importlib", "jobgate"})


class HookRaised(WorkerError):
    """`on_startup` raised; the exception is its cause."""


def with_startup(settings: Settings, on_started: Callable[[], None] = lambda: None) -> Settings:
    """Return settings whose `on_startup` raises `HookRaised` where the user's hook raises.

    Args:
        settings: The user's.
        on_started: Called once the hook has completed.
    """
    hook = settings.on_startup

    async def on_startup(ctx: dict[str, Any]) -> None:
        try:
            answer = hook(ctx) if hook is not None else None
            if inspect.isawaitable(answer):
                await answer
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:
            name = type(error).__name__
            raise HookRaised(f"on_startup raised {name}: {message_of(error)}") from error
        on_started()

    return settings.changed(on_startup=on_startup)


def failed_with(error: Exception, form: str = "text") -> SystemExit:
    """Write an error in the log's form, and return the exception that ends the command with code 1.

    Args:
        error: Its text is the sentence; an exception of the user's code is its cause.
        form: `text` or `json`, as in `--log-format`.
    """
    cause = error.__cause__ if isinstance(error, LoadError | HookRaised) else None
    _leave_users_lines(cause)
    return logs.fail(str(error), form, cause)


def _leave_users_lines(raised: BaseException | None) -> None:
    """Remove the lines that are not the user's from the tracebacks of an exception and those before it."""
    seen: set[int] = set()
    rest = [raised]
    while rest:
        each = rest.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            rest += [each.__cause__, each.__context__]
            each.__traceback__ = _users_lines(each.__traceback__)


def _users_lines(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    below = _users_lines(trace.tb_next)
    package = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
    if package in _NOT_THE_USERS:
        return below
    return TracebackType(below, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
