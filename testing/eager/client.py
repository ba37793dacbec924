"""A client that runs functions at once, without Redis."""

from prometheus_client import CollectorRegistry

from jobgate.client import Caller, Client, ClientMetrics
from jobgate.testing.eager.desk import Desk
from jobgate.testing.eager.transport import EagerTransport
from jobgate.testing.jobs import Assertions, EnqueuedJob, RanJob
from jobgate.worker import Settings

#: Retries follow at once, and a job has ended when its enqueue returns: nobody waits.
_NO_WAIT = 0.0


class EagerClient(Client, Assertions):
    """A `Client` that runs a job, in the loop of the caller, before `enqueue` returns.

    ```python
    client = EagerClient(WorkerSettings)
    assert await client.call("add", 1, 2) == 3
    client.assert_enqueued("add", 1, 2)
    ```

    What it shares with a worker, because it is the same code: arguments become plain data and are checked and
    converted by type hints, results are encoded and decoded, hooks, timeouts, `Retry` and retry policies,
    `max_tries`, failures, plain functions in threads or processes.

    What it does not imitate: time (deferred jobs and retries run at once), queues, jobs at the same time,
    cron jobs, `expires`, `keep_result`, progress, aborts, API keys and limits. A job that another job
    enqueues runs when that one has ended. Operators' methods and `events` raise NotImitated, and so does all
    of `ctx["redis"]` but `enqueue_job`. Use the fixture `jobgate_worker` for these.

    Args:
        settings: The settings of the worker: a class, an instance, a dict, or a list of functions.
        overrides: Settings that override it.

    Raises:
        SettingsError: A setting cannot be used, or there are no functions.
    """

    def __init__(self, settings: object, **overrides: object) -> None:
        self.settings = Settings.of(settings, **{"handle_signals": False, **overrides})
        self._desk = Desk(self.settings)
        self._shown = "eager"
        transport = EagerTransport(self._desk)
        metrics = ClientMetrics(CollectorRegistry())
        Caller.__init__(self, transport, metrics, timeout=_NO_WAIT)
        self._operations = transport.operations

    def __repr__(self) -> str:
        return "EagerClient()"

    @property
    def ran(self) -> tuple[RanJob, ...]:
        """All tries, in the order of their starts."""
        return tuple(self._desk.recorder.ran)

    def _jobs(self) -> list[EnqueuedJob]:
        return [job.seen for job in self._desk.jobs.values()]
