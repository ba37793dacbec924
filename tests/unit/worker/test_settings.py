"""What a settings class, instance or dict may say, and what is refused."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from redis.asyncio import ConnectionPool, Redis

from jobgate.worker import Settings, SettingsError


async def add(ctx: dict[str, Any], a: int, b: int = 1) -> int:
    return a + b


async def started(ctx: dict[str, Any]) -> None: ...


class Base:
    functions = (add,)
    max_jobs = 3
    on_startup = started
    something_of_the_users_own = 1


class WorkerSettings(Base):
    queue_name = "mail"
    job_timeout = timedelta(minutes=1)


def test_a_class_is_read_with_what_it_inherits() -> None:
    settings = Settings.of(WorkerSettings)
    assert [function.name for function in settings.functions] == ["add"]
    assert (settings.max_jobs, settings.queue, settings.job_timeout) == (3, "mail", 60.0)
    assert settings.on_startup is started


def test_defaults_are_those_of_arq_where_arq_has_them() -> None:
    settings = Settings.of({"functions": [add]})
    assert (settings.max_jobs, settings.job_timeout, settings.keep_result) == (10, 300.0, 3600.0)
    assert (settings.max_tries, settings.poll_delay, settings.queue) == (5, 0.5, "arq:queue")
    assert settings.retry_jobs
    assert not settings.burst


def test_an_instance_keeps_plain_functions_plain_and_methods_bound() -> None:
    class Own(Base):
        def __init__(self) -> None:
            self.max_tries = 9

        async def on_shutdown(self, ctx: dict[str, Any]) -> None:
            ctx["tries"] = self.max_tries

    own = Own()
    settings = Settings.of(own)
    assert settings.on_startup is started
    assert settings.on_shutdown == own.on_shutdown
    assert settings.max_tries == 9


def test_overrides_win() -> None:
    settings = Settings.of(WorkerSettings, max_jobs=7, burst=True)
    assert (settings.max_jobs, settings.queue, settings.burst) == (7, "mail", True)
    again = Settings.of(settings, max_jobs=8)
    assert (again.max_jobs, again.queue) == (8, "mail")


def test_workers_of_one_class_do_not_share_an_empty_ctx() -> None:
    class Shared:
        functions: ClassVar = [add]
        ctx: ClassVar[dict[str, object]] = {}

    one, other = Settings.of(Shared), Settings.of(Shared)
    one.ctx["redis"] = object()
    assert other.ctx == Shared.ctx == {}


def test_none_is_a_value_as_in_arq() -> None:
    settings = Settings.of(WorkerSettings, job_timeout=None, on_startup=None, queue_name=None)
    assert (settings.job_timeout, settings.on_startup, settings.queue) == (None, None, "arq:queue")
    source = {"functions": [add], "queues": ["a"], "redis_pool": Redis(host="somewhere")}
    unchanged = Settings.of(source, queue_name=None, redis_settings=None)
    assert (unchanged.queue, unchanged.redis.host) == ("a", "somewhere")


def test_the_default_queue_follows_the_namespace() -> None:
    assert Settings.of([add], namespace="{mail}").queue == "{mail}:queue"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("functions", "add", "list of functions"),
        ("functions", [3], "is not a function"),
        ("max_jobs", 0, "at least 1"),
        ("max_jobs", True, "whole number"),
        ("max_tries", 2.5, "whole number"),
        ("job_timeout", 0, "at least"),
        ("job_timeout", "5", "seconds or a timedelta"),
        ("keep_result", -1, "at least 0"),
        ("keep_result", float("nan"), "at least 0"),
        ("poll_delay", -1, "at least"),
        ("burst", 1, "True or False"),
        ("on_startup", "started", "function or None"),
        ("queue_name", "", "non-empty"),
        ("ctx", [], "dict or None"),
        ("serializer", "yaml", "json, msgpack, pickle"),
        ("metrics_port", 70_000, "port number"),
        ("lease", 0.5, "at least 1"),
        ("cron_jobs", [object()], r"is not a cron\(…\)"),
        ("cron_jobs", "add", "list of cron"),
        ("timezone", "Nowhere/Nothing", "name of a zone"),
        ("timezone", 3, "name of a zone"),
        ("redis_pool", object(), "redis_pool cannot be used"),
        ("queues", "mail", "names of queues"),
        ("queues", {"mail": 0}, "at least 1"),
        ("queues", [""], "non-empty"),
        ("queue_read_limit", 0, "at least 1"),
        ("health_check_interval", -1, "at least 0"),
        ("job_serializer", repr, "given together"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: object, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        Settings.of({"functions": [add], name: value})
    assert name.removesuffix("s") in str(caught.value)


def test_an_override_that_is_no_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match="max_job is not a setting"):
        Settings.of([add], max_job=3)


def test_several_queues_with_weights() -> None:
    settings = Settings.of([add], queues={"urgent": 3, "mail": 1})
    assert dict(settings.weights) == {"urgent": 3, "mail": 1}
    assert settings.queue == "urgent"
    assert dict(Settings.of([add], queues=["b", "a"]).weights) == {"b": 1, "a": 1}
    assert dict(Settings.of([add], queues=[], queue_name="mail").weights) == {"mail": 1}


def test_what_is_given_by_itself_wins_over_what_the_source_says_in_another_way() -> None:
    source = {"functions": [add], "queues": ["a", "b"], "redis_pool": ConnectionPool(port=1)}
    settings = Settings.of(source, queue_name="mail", redis_settings="redis://localhost:2")
    assert dict(settings.weights) == {"mail": 1}
    assert settings.redis.port == 2


def test_a_pool_says_where_redis_is_and_arqs_also_which_queue() -> None:
    pool = Redis(host="somewhere", port=1234, db=5, password="secret")
    assert Settings.of([add], redis_pool=pool).redis.address == "redis://somewhere:1234/5"
    pool.default_queue_name = "mail"  # type: ignore[attr-defined]  # as arq's pool has
    assert Settings.of([add], redis_pool=pool).queue == "mail"
    assert Settings.of([add], redis_pool=pool, queue_name="letters").queue == "letters"
    pool.default_queue_name = "arq:queue"  # type: ignore[attr-defined]
    assert Settings.of([add], redis_pool=pool, namespace="{mail}").queue == "{mail}:queue"


def test_the_read_limit_is_arqs() -> None:
    assert [Settings.of([add], max_jobs=jobs).read_limit for jobs in (10, 50)] == [100, 250]
    assert Settings.of([add], queue_read_limit=5).read_limit == 5


async def nothing(ctx: dict[str, Any]) -> None: ...


class Misspelt:
    functions = (nothing,)
    max_job = 3
    on_start_up = None
    queues_of_mine = 1
    colour = "red"
    _max_jobs = 1


@pytest.mark.parametrize("source", [Misspelt, Misspelt(), {"functions": [nothing], "max_job": 3, 7: 1}])
def test_near_misses_are_warned_of(source: object, caplog: pytest.LogCaptureFixture) -> None:
    assert Settings.of(source).max_jobs == 10
    lines = [record.message for record in caplog.records]
    assert "max_job is not a setting of a worker and has no effect: did you mean max_jobs?" in lines
    assert len(lines) == (1 if isinstance(source, dict) else 2)
