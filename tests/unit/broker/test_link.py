"""What redis-py raises, in the broker's own words."""

import pytest
from redis import exceptions as redis_errors

from jobgate.broker import BrokerError, BrokerFull, BrokerMisconfigured, BrokerUnavailable, Keys, NotAQueue
from jobgate.broker.link import translate
from jobgate.broker.link.link import packed
from jobgate.broker.scripts.loader import script


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (redis_errors.ConnectionError("Connection closed by server."), BrokerUnavailable),
        (redis_errors.TimeoutError("Timeout reading from 127.0.0.1:1"), BrokerUnavailable),
        (ConnectionRefusedError(111, "refused"), BrokerUnavailable),
        (redis_errors.BusyLoadingError("Redis is loading the dataset in memory"), BrokerUnavailable),
        (redis_errors.ReadOnlyError("You can't write against a read only replica."), BrokerUnavailable),
        (redis_errors.ResponseError("BUSY Redis is busy running a script."), BrokerUnavailable),
        (redis_errors.MasterDownError("Link with MASTER is down"), BrokerUnavailable),
        (redis_errors.ClusterDownError("The cluster is down"), BrokerUnavailable),
        (redis_errors.TryAgainError("Multiple keys request during rehashing"), BrokerUnavailable),
        (redis_errors.ResponseError("UNBLOCKED force unblock from blocking operation"), BrokerUnavailable),
        (redis_errors.ResponseError("MOVED 1 127.0.0.1:2"), BrokerUnavailable),
        (redis_errors.AskError("1 127.0.0.1:2"), BrokerUnavailable),
        (redis_errors.ResponseError("NOREPLICAS Not enough good replicas to write."), BrokerUnavailable),
        (redis_errors.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), BrokerFull),
        (redis_errors.ResponseError("OOM command not allowed, script: 1, on @user_script:1."), BrokerFull),
        (redis_errors.ResponseError("MISCONF Errors writing to the AOF file: No space left"), BrokerFull),
        (redis_errors.AuthenticationError("invalid username-password pair"), BrokerMisconfigured),
        (redis_errors.NoPermissionError("this user has no permissions"), BrokerMisconfigured),
        (redis_errors.ResponseError("WRONGTYPE Operation against a key"), NotAQueue),
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:20]}" if isinstance(value, Exception) else "",
)
def test_translation(raised: Exception, expected: type[BrokerError]) -> None:
    error = translate(raised, "redis://host:1/0")
    assert type(error) is expected
    if expected in (BrokerUnavailable, BrokerMisconfigured):
        assert str(error).startswith(
            f"Redis at redis://host:1/0 {'cannot' if expected is BrokerUnavailable else 'refused'}"
        )
        assert str(raised) in str(error)


def test_ids_that_are_not_utf8_go_back_as_they_came() -> None:
    odd = b"\xff\xfe".decode(errors="surrogateescape")
    assert packed(["GET", odd, 1]) == b"*3\r\n$3\r\nGET\r\n$2\r\n\xff\xfe\r\n$1\r\n1\r\n"


def test_scripts_have_their_flags_on_the_first_line() -> None:
    assert script("claim").source.startswith("#!lua flags=allow-oom\n")
    assert "local function held" in script("claim").source
    assert not script("enqueue").source.startswith("#!"), "a full Redis must refuse new jobs"


def test_a_namespace_is_in_every_key() -> None:
    keys = Keys("{emails}")
    names = [
        keys.default_queue,
        keys.job("a"),
        keys.result("a"),
        keys.in_progress("a"),
        keys.retry("a"),
        keys.abort,
        keys.wake(keys.default_queue),
    ]
    assert all(name.startswith("{emails}:") for name in names)
