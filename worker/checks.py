"""Questions to a fleet from outside: is a worker alive, and did all jobs of a run succeed."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from jobgate.broker import Broker, BrokerError, FailureCode, JobResult, WorkerRecord
from jobgate.worker.errors import JobExecutionFailed
from jobgate.worker.redis_pool import DeserializationError
from jobgate.worker.settings import Settings
from jobgate.worker.vitals.liveness import Verdict

logger = logging.getLogger("jobgate.worker")


async def look_for_workers(settings: Settings) -> Verdict:
    """Look whether a live worker serves each queue of these settings.

    Alive is a worker that has announced itself within the last 15 seconds: it reaches Redis and claims jobs.
    Where `health_check_key` is set, only workers with the same one count. Stock arq workers do not announce
    themselves and are not seen. Raises nothing but bugs.
    """
    broker = Broker(settings.redis, namespace=settings.namespace)
    try:
        found = {queue: await broker.workers(queue) for queue in settings.weights}
    except BrokerError as error:
        return Verdict(False, str(error))
    finally:
        await broker.close()
    key = settings.health_check_key
    return _judge({queue: [one for one in all_ if one.health_key == key] for queue, all_ in found.items()})


def check_health(settings_cls: object, **overrides: object) -> int:
    """Look whether a live worker serves the queues of these settings, as arq's `check_health`.

    It must be called where no event loop runs.

    Args:
        settings_cls: settings as for `Worker`.
        overrides: settings that win over it.

    Returns:
        0 when there is one, else 1; the log says more.

    Raises:
        SettingsError: a setting cannot be used.
    """
    verdict = asyncio.run(look_for_workers(Settings.of(settings_cls, **overrides)))
    if verdict.alive:
        logger.info("Health check successful: %s", verdict.detail)
    else:
        logger.warning("Health check failed: %s", verdict.detail)
    return 0 if verdict.alive else 1


def with_exceptions(failures: Sequence[JobResult]) -> list[JobResult]:
    """Return failed results that hold the exception as their result, where arq's results have it."""
    return [replace(failure, result=_exception(failure)) for failure in failures]


def _exception(failure: JobResult) -> BaseException:
    told = failure.failure
    if failure.exception is not None or told is None:
        return failure.exception or JobExecutionFailed("")
    kind = DeserializationError if told.code is FailureCode.LOST_BODY else JobExecutionFailed
    return kind(told.message)


def _judge(workers: dict[str, list[WorkerRecord]]) -> Verdict:
    missing = [queue for queue, records in workers.items() if not records]
    if missing:
        return Verdict(False, f"no live worker serves queue {missing[0]}")
    return Verdict(True, "; ".join(f"{queue}: {_told(records)}" for queue, records in workers.items()))


def _told(records: Sequence[WorkerRecord]) -> str:
    count = "1 live worker" if len(records) == 1 else f"{len(records)} live workers"
    return (
        f"{count}, j_complete={sum(one.complete for one in records)} "
        f"j_failed={sum(one.failed for one in records)} j_retried={sum(one.retried for one in records)} "
        f"j_ongoing={sum(one.in_progress for one in records)}"
    )
