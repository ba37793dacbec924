"""Translation of redis-py's errors into the broker's own."""

from redis import exceptions as redis_errors

from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    NotAQueue,
    WriteInDoubt,
)

#: Most characters of Redis' own text in a message.
_LONGEST_CAUSE = 160

#: Error codes from the wrong server, or from one that is not ready.
_WRONG_SERVER = frozenset(
    ("READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED", "MOVED", "ASK", "CLUSTERDOWN", "NOAUTH")
)
#: The same as classes of redis-py, whose messages lack the code.
_WRONG_SERVER_ERRORS = (
    redis_errors.AskError,
    redis_errors.BusyLoadingError,
    redis_errors.ClusterDownError,
    redis_errors.MasterDownError,
    redis_errors.ReadOnlyError,
)


class WrongServer(redis_errors.ConnectionError):
    """The connection leads to the wrong server."""


def is_wrong_server(error: BaseException) -> bool:
    """Return whether an error means that another server must be asked, over a new connection."""
    # redis-py's pool for a Sentinel's master replaces READONLY with its own error.
    named = (error, error.__context__)
    if any(isinstance(each, (WrongServer, *_WRONG_SERVER_ERRORS)) for each in named):
        return True
    if isinstance(error, redis_errors.AuthenticationError):
        return "Authentication required" in str(error)
    return str(error).split(" ", 1)[0] in _WRONG_SERVER


#: Error codes with which Redis says that it will be ready later.
_TRANSIENT = _WRONG_SERVER - {"NOAUTH"} | {"BUSY", "TRYAGAIN", "NOREPLICAS"}
#: The same as classes of redis-py, whose messages lack the code.
_NOT_READY = (*_WRONG_SERVER_ERRORS, redis_errors.TryAgainError, WrongServer)
#: Error codes that set `BrokerError.reason`.
_REASONS = {"NOREPLICAS": "no-replicas"}
#: Error codes with which Redis says that it cannot accept writes.
_FULL = ("OOM", "MISCONF")
#: Part of the error that Redis and Valkey return for a script that they stopped.
_IN_SCRIPT = " on @user_script:"


def translate(error: BaseException, address: str = "", *, writes: bool = False) -> BrokerError:
    """Return the broker's own error for one of redis-py's.

    Its message is for operators and names address and cause; the gateway has its own texts for callers.

    Args:
        error: Exception that redis-py raised.
        address: Where Redis is, for the message.
        writes: Whether a script that writes raised it: it may have written something before.
    """
    if isinstance(error, BrokerError):
        return error
    text = " ".join(str(error).split())[:_LONGEST_CAUSE] or "no answer in time"
    where = f"Redis at {address}" if address else "Redis"
    kind = _kind(error, text)
    if writes and kind is BrokerMisconfigured and _IN_SCRIPT in str(error):
        halfway = WriteInDoubt(
            f"{where} stopped a script halfway ({text}), and its first writes remain: "
            "check the ACL, then repeat the request with the same id."
        )
        halfway.reason = "halfway"
        return halfway
    if kind is BrokerUnavailable:
        made = kind(f"{where} cannot be reached or is not ready ({text}): check that it runs.")
        made.reason = "wrong-server" if is_wrong_server(error) else _REASONS.get(text.split(" ", 1)[0], "")
        return made
    if kind is BrokerMisconfigured:
        return kind(f"{where} refused the request ({text}): check address, password, ACL and settings.")
    return kind()


def _kind(error: BaseException, text: str) -> type[BrokerError]:
    code = text.split(" ", 1)[0]
    if isinstance(error, redis_errors.OutOfMemoryError) or code in _FULL or "OOM command" in text:
        return BrokerFull
    if "WRONGTYPE" in text:
        return NotAQueue
    if isinstance(error, _NOT_READY) or code in _TRANSIENT:
        return BrokerUnavailable
    if isinstance(error, redis_errors.AuthenticationError | redis_errors.ResponseError):
        return BrokerMisconfigured
    return BrokerUnavailable
