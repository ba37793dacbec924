"""The rules for the values of settings, one for each name. Every error names the setting."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobgate.broker import settings_of
from jobgate.worker.bounds import duration, whole
from jobgate.worker.cron_jobs import CronJob, as_cron_job
from jobgate.worker.errors import SettingsError
from jobgate.worker.functions import Backoff, Function, as_backoff, as_function, as_retry_on
from jobgate.worker.log import logger


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, each converted to its own type.

    Raises:
        SettingsError: A value cannot be used.
    """
    clean = {name: _CHECKS[name](name, value) if name in _CHECKS else value for name, value in values.items()}
    if (clean.get("job_serializer") is None) != (clean.get("job_deserializer") is None):
        raise SettingsError("job_serializer and job_deserializer must be given together")
    return _with_cron_functions(clean)


def _with_cron_functions(values: dict[str, Any]) -> dict[str, Any]:
    """Add the functions of cron jobs to the others; where names are equal the last one wins, as in arq."""
    cron_functions = {cron.name: cron.function for cron in values.get("cron_jobs") or ()}
    others = (each for each in values.get("functions") or () if each.name not in cron_functions)
    return {**values, "functions": (*others, *cron_functions.values())}


def _functions(name: str, value: Any) -> tuple[Function, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset):
        raise SettingsError(f"{name} must be a list of functions, not {value!r}")
    by_name: dict[str, Function] = {}
    for each in map(as_function, value):
        if each.name in by_name:
            logger.warning("functions contains %r more than once: the last one is used", each.name)
        by_name[each.name] = each
    return tuple(by_name.values())


def _cron_jobs(name: str, value: Any) -> tuple[CronJob, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset | None):
        raise SettingsError(f"{name} must be a list of cron(…), not {value!r}")
    return tuple(as_cron_job(each) for each in value or ())


def _timezone(name: str, value: Any) -> tzinfo | None:
    if value is None or isinstance(value, tzinfo):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        raise SettingsError(
            f"{name} must be a tzinfo, the name of a zone that this machine knows, or None, not {value!r}"
        ) from None


def _at_least(least: float) -> Callable[[str, Any], float]:
    return lambda name, value: duration(name, value, least)


def _whole(least: int) -> Callable[[str, Any], int]:
    return lambda name, value: whole(name, value, least)


def _optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Return a rule that accepts None as well."""
    return lambda name, value: None if value is None else check(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{name} must be True or False, not {value!r}")
    return value


def _callable(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise SettingsError(f"{name} must be a function or None, not {value!r}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{name} must be a non-empty string, not {value!r}")
    return value


def _queues(name: str, value: Any) -> Mapping[str, int] | None:
    if value is None or isinstance(value, Mapping):
        weights = dict(value or {})
    elif isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        weights = dict.fromkeys(value, 1)
    else:
        raise SettingsError(f"{name} must be names of queues, or their weights by name, not {value!r}")
    weigh = _whole(1)
    return {
        _text(name, queue): weigh(f"{name}[{queue!r}]", weight) for queue, weight in weights.items()
    } or None


def _context(name: str, value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise SettingsError(f"{name} must be a dict or None, not {value!r}")
    return value or {}  # as in arq: the user's own dict, but workers do not share an empty one


def _one_of(*known: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in known:
            raise SettingsError(f"{name} must be one of {', '.join(known)}, not {value!r}")
        return str(value)

    return check


def _port(name: str, value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value <= 65535):
        raise SettingsError(f"{name} must be a port number from 0 to 65535 or None, not {value!r}")
    return value


def _redis_pool(name: str, value: Any) -> object:
    if value is None:
        return None
    try:
        settings_of(value)
    except ValueError as error:
        raise SettingsError(f"{name} cannot be used: {error}") from error
    return value


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "functions": _functions,
    "cron_jobs": _cron_jobs,
    "timezone": _timezone,
    "queue_name": _optional(_text),
    "queues": _queues,
    "queue_read_limit": _optional(_whole(1)),
    "health_check_interval": _at_least(0),
    "health_check_key": _optional(_text),
    "expires_extra_ms": _whole(0),
    "namespace": _text,
    "burst": _flag,
    "max_burst_jobs": lambda name, value: -1 if value is None else _whole(-(2**31))(name, value),
    "on_startup": _callable,
    "startup_timeout": _optional(_at_least(0.001)),
    "on_shutdown": _callable,
    "on_job_start": _callable,
    "on_job_end": _callable,
    "after_job_end": _callable,
    "handle_signals": _flag,
    "loop": _one_of("auto", "asyncio", "uvloop"),
    "job_completion_wait": _at_least(0),
    "max_jobs": _whole(1),
    "job_timeout": _optional(_at_least(0.001)),
    "keep_result": _at_least(0),
    "keep_result_forever": _flag,
    "poll_delay": _at_least(0),
    "max_tries": _whole(1),
    "retry_on": lambda name, value: () if value is None else as_retry_on(name, value),
    "backoff": lambda name, value: Backoff() if value is None else as_backoff(name, value),
    "max_processes": _optional(_whole(1)),
    "ctx": _context,
    "retry_jobs": _flag,
    "allow_abort_jobs": _flag,
    "job_serializer": _callable,
    "job_deserializer": _callable,
    "log_results": _flag,
    "log_arguments": _flag,
    "validate": _flag,
    "serializer": _one_of("json", "msgpack", "pickle"),
    "result_limit": _whole(1024),
    "index_limit": _whole(0),
    "lease": _at_least(1),
    "metrics_port": _port,
    "metrics_host": _text,
    "redis_pool": _redis_pool,
}
