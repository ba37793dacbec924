"""Checks from outside whether workers are alive."""

from collections.abc import Sequence

from jobgate.broker import Broker, BrokerError, WorkerRecord
from jobgate.worker.settings import Settings
from jobgate.worker.vitals import Verdict


async def look_for_workers(settings: Settings) -> Verdict:
    """Check whether a live worker serves each queue of these settings. Errors of Redis are verdicts too.

    A worker is alive when it has announced itself within the last 15 seconds: it reaches Redis and claims
    jobs. Where `health_check_key` is set, only workers with the same key count. Stock arq workers do not
    announce themselves and are not seen.
    """
    broker = Broker(settings.redis, namespace=settings.namespace)
    try:
        found = {queue: await broker.workers(queue) for queue in settings.weights}
    except BrokerError as error:
        return Verdict(False, str(error))
    finally:
        await broker.close()
    key = settings.health_check_key
    workers = {queue: [one for one in all_ if one.health_key == key] for queue, all_ in found.items()}
    missing = [queue for queue, records in workers.items() if not records]
    if missing:
        return Verdict(False, f"no live worker serves queue {missing[0]}")
    return Verdict(True, "; ".join(f"{queue}: {_summary(records)}" for queue, records in workers.items()))


def _summary(records: Sequence[WorkerRecord]) -> str:
    count = "1 live worker" if len(records) == 1 else f"{len(records)} live workers"
    return (
        f"{count}, j_complete={sum(one.complete for one in records)} "
        f"j_failed={sum(one.failed for one in records)} j_retried={sum(one.retried for one in records)} "
        f"j_ongoing={sum(one.in_progress for one in records)}"
    )
