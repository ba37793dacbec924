"""The broker: everything that gateway, worker and client want from Redis, one method each."""

from collections.abc import AsyncIterator, Sequence
from typing import Self

from redis.asyncio import ConnectionPool, Redis

from jobgate.broker.bodies.codecs import Codec, codec_named
from jobgate.broker.core import Core, Reader
from jobgate.broker.errors import BrokerError
from jobgate.broker.job_marks import JobMark
from jobgate.broker.keys import DEFAULT_NAMESPACE, Keys
from jobgate.broker.link.adopted import settings_of
from jobgate.broker.link.data_set import DataSet
from jobgate.broker.link.link import Link
from jobgate.broker.link.settings import RedisSettings, async_client, unnamed
from jobgate.broker.records import (
    AbortAnswer,
    AbortMark,
    Claim,
    ClaimedJob,
    Enqueued,
    JobBody,
    JobRequest,
    JobResult,
    JobView,
    Lease,
    QueueDepth,
    Transition,
    WorkerRecord,
)
from jobgate.broker.scripts.loader import script
from jobgate.broker.transitions.abort import Aborting
from jobgate.broker.transitions.announce import Announcing
from jobgate.broker.transitions.enqueue import Enqueueing
from jobgate.broker.transitions.lease import Leasing
from jobgate.broker.transitions.pause import Pausing
from jobgate.broker.transitions.progress import Reporting
from jobgate.broker.transitions.reclaim import Reclaiming
from jobgate.broker.transitions.renew import LeaseRenewer, renewer_of
from jobgate.broker.views.jobs import Observing, Readiness, ServerInfo
from jobgate.broker.views.lists import Listing
from jobgate.broker.views.live_functions import LiveFunctions
from jobgate.broker.views.pages import IdPage, QueuePage, ResultPage
from jobgate.broker.waiting.results import ResultWatcher, Watch
from jobgate.broker.waiting.wake import Waking


class Broker:
    """One process' access to one namespace of one Redis.

    Every method may raise, besides what it names: BrokerUnavailable (Redis is away; nothing happened),
    BrokerMisconfigured (Redis refuses), and those that write also OutcomeUnknown (the answer was lost; the
    call may be repeated) and BrokerFull.

    Args:
        redis: settings, a URL as `RedisSettings.from_dsn` takes it, or a client or a connection pool of
            redis-py: the broker opens connections of its own, of the same kind and to the same place.
        codec: how bodies are written: `json`, `msgpack`, `pickle`, or a codec of your own.
        namespace: first part of all key names.
        deadline: seconds for one operation with all its repetitions.
        trust_pickle: read pickles for real. That runs code that whoever writes to Redis has chosen: only
            for workers and clients that were told so.
    """

    def __init__(
        self,
        redis: RedisSettings | str | Redis | ConnectionPool = "redis://localhost:6379",
        *,
        codec: Codec | str = "json",
        namespace: str = DEFAULT_NAMESPACE,
        deadline: float = 5.0,
        trust_pickle: bool = False,
    ) -> None:
        self.settings = settings_of(redis)
        self.keys = Keys(namespace)
        self.codec = codec_named(codec) if isinstance(codec, str) else codec
        # The link has a deadline of its own for everything; redis-py's costs a task per command.
        redis_client = async_client(self.settings, socket_timeout=None, **unnamed())
        link = Link(redis_client, deadline=deadline, address=self.settings.address)
        core = Core(link, self.keys, self.codec, Reader(self.codec, trust_pickle))
        self._core = core
        self._enqueueing = Enqueueing(core)
        self._leasing = Leasing(core)
        self._observing = Observing(core)
        self._aborting = Aborting(core, self._observing)
        self._announcing = Announcing(core)
        self._pausing = Pausing(core)
        self._listing = Listing(core)
        self._reporting = Reporting(core)
        self._reclaiming = Reclaiming(core)
        self._watcher = ResultWatcher(core)
        self._waking = Waking(core)
        #: The functions of live workers, as this process has seen them.
        self.live_functions = LiveFunctions(self.workers)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self, *, timeout: float | None = None) -> int:
        """Make sure that Redis answers a real script; return its time in unix milliseconds.

        `timeout`: seconds, if that is less than the broker's deadline.
        """
        return int(await self._core.link.read(script("check"), [], [], timeout=timeout))

    async def close(self) -> None:
        """Let what is under way arrive, then close all connections. May be called twice."""
        await self._enqueueing.drain()
        await self._leasing.drain()
        await self._reporting.drain()
        await self._watcher.close()
        await self._waking.close()
        await self._core.link.close()
        self._core.reader.close()

    async def enqueue(self, request: JobRequest) -> Enqueued:
        """Make a job of a request.

        Calls that meet in one turn of the event loop travel as one script call.

        Raises:
            InvalidRequest: the request contradicts itself.
            EncodeError: the arguments cannot be written with the codec.
            IdempotencyConflict: its idempotency key belongs to another request.
            OutcomeUnknown: repeat the request with the same job id.
        """
        return await self._enqueueing.enqueue(request)

    async def enqueue_many(self, requests: Sequence[JobRequest]) -> list[Enqueued | BrokerError]:
        """Make jobs of several requests; answers stand in their order, an error for each that failed."""
        return await self._enqueueing.enqueue_many(requests)

    async def claim(
        self, queue: str, limit: int, *, worker_id: str, token: str, lease: float = 10.0, page: int = 100
    ) -> Claim:
        """Take up to `limit` due jobs of a queue, with a lease of `lease` seconds on each.

        Args:
            queue: its name.
            limit: at least 1.
            worker_id: who claims; no colon in it.
            token: of `claim_token`, a new one for each claim. When the answer was lost (OutcomeUnknown) the
                same token must be used again: it brings the same jobs and counts no try twice. This is the
                one transition that is never repeated by itself.
            lease: seconds.
            page: how many ids Redis reads at a time where it has to pass by ids that run elsewhere.
        """
        return await self._leasing.claim(
            queue, limit, worker_id=worker_id, token=token, lease=lease, page=page
        )

    async def finish(
        self, lease: Lease, result: JobResult, *, keep: float | None, is_wanted: bool = False
    ) -> Transition:
        """End a job: its result in, all its other keys out, in one step.

        Finishes that meet in one turn of the event loop travel as one script call.

        Args:
            lease: as claimed.
            result: what to store.
            keep: seconds to keep the result; 0 = store none; None = for ever.
            is_wanted: send a result that is not kept along, for those who wait; else it is not even encoded.

        Returns:
            STALE when the lease belongs to somebody else by now; then nothing was changed. WANTED, with
            `keep` 0: somebody waits; nothing was changed, call again with `is_wanted`.

        Raises:
            EncodeError: the result cannot be written with the codec; nothing was changed.
        """
        return await self._leasing.finish(lease, result, keep=keep, is_wanted=is_wanted)

    async def retry(
        self, lease: Lease, *, defer: float | None, score_ms: int, tries: int | None = None
    ) -> Transition:
        """Give a job back for another try. The try that ends counts.

        Args:
            lease: as claimed.
            defer: seconds until the next try; None = at its old place in the queue, as arq's `Retry()`.
            score_ms: its due time before the claim.
            tries: the number that the try which ends has for its job, where that is more than the lease says:
                a stock arq producer may have set the first one (`JobBody.first_try`).
        """
        return await self._leasing.retry(lease, defer=defer, score_ms=score_ms, tries=tries)

    async def reclaim(self, claimed: ClaimedJob, *, lease: float) -> bool:
        """Take a job back whose lease Redis has forgotten; False = it has ended or somebody else runs it."""
        return await self._reclaiming.reclaim(claimed, lease)

    async def report_progress(self, lease: Lease, fraction: float, message: str | None = None) -> bool:
        """Note how far a running job is, for `JobView.progress`; kept until the job ends, or for a day.

        Reports that meet in one turn of the event loop travel as one script call.

        Args:
            lease: as claimed.
            fraction: from 0 to 1.
            message: what it does, in a few words.

        Returns:
            False when the lease belongs to somebody else by now; then nothing was changed.
        """
        return await self._reporting.report(lease, fraction, message)

    async def release(self, claimed: Sequence[ClaimedJob]) -> None:
        """Give jobs back as if they had never been claimed, where they are still ours: try not counted."""
        await self._leasing.release(claimed)

    async def note_begun(self, lease: Lease, *, is_alone: bool) -> Transition:
        """Note that a suspect (`ClaimedJob.crashes`) begins; alone, its try counts if its worker dies.

        Returns:
            STALE where the lease is not held any more.
        """
        return await self._leasing.note_begun(lease, is_alone=is_alone)

    async def abort(self, job_id: str, *, queue: str | None = None, keep: float = 3600.0) -> AbortAnswer:
        """Stop a job wherever it is.

        Args:
            job_id: which.
            queue: where to look besides the default queue and the one that the job itself names.
            keep: seconds to keep the result of a job that had not started, unless the job says itself.
        """
        return await self._aborting.abort(job_id, queue=queue, keep=keep)

    async def abort_mark(self, job_id: str) -> AbortMark | None:
        """Read what is left of a job that `view` does not know, if it was aborted some seconds ago.

        None: it was not, or had not been waiting, or its result was kept.
        """
        return await self._aborting.mark(job_id)

    async def view(
        self, job_id: str, *, queues: Sequence[str] = (),
        until: float | None = None, waits: bool = False, owner: str | None = None,
    ) -> JobView | None:  # fmt: skip
        """Look at a job, all of it at one moment; None = unknown.

        Args:
            job_id: which.
            queues: where to look besides the default queue and the one that the job itself names.
            until: time of the event loop up to which a large pickle may be read; then it is left out.
            waits: the caller waits for it, so show an outcome that is not kept but handed over, too.
            owner: do not read jobs that cannot be this owner's; what is read may still be somebody else's.
        """
        return await self._observing.view(job_id, queues, until, waits=waits, owner=owner)

    async def mark(self, job_id: str, *, queues: Sequence[str] = ()) -> JobMark | None:
        """The `JobView.mark` that a view in these queues would have, at little cost; None = unknown."""
        return await self._observing.mark(job_id, queues)

    async def result(self, job_id: str) -> JobResult | None:
        """Read a result; None = not there. Raises DecodeError when it cannot be read."""
        return await self._observing.result(job_id)

    async def body(self, job_id: str) -> JobBody | None:
        """Read the body of a job that has not ended; None = there is none. Raises DecodeError as `result`."""
        return await self._observing.body(job_id)

    async def queued_jobs(self, queue: str | None = None, *, cursor: str = "", limit: int = 100) -> QueuePage:
        """Read a page of the jobs that wait or run in a queue, by default in the default queue.

        Args:
            queue: its name.
            cursor: that of the page before; empty = begin.
            limit: about how many jobs a page has; short queues come as one page.
        """
        return await self._listing.queued_jobs(self.keys.queue(queue), cursor, limit)

    async def queued_ids(self, queue: str, *, cursor: str = "", limit: int = 100) -> IdPage:
        """Read a page of the ids of the jobs that wait or run in a queue; see `queued_jobs`."""
        return await self._listing.queued_ids(queue, cursor, limit)

    async def result_ids(self, *, cursor: str = "", limit: int = 1000) -> IdPage:
        """Read a page of the ids of all results; see `results`."""
        return await self._listing.result_ids(cursor, limit)

    async def results(self, *, cursor: str = "", limit: int = 1000) -> ResultPage:
        """Read a page of the results of all queues, by a scan of Redis that blocks nobody.

        Args:
            cursor: that of the page before; empty = begin.
            limit: how many keys of any kind are looked at; a page may hold no result and not be the last.
        """
        return await self._listing.results(cursor, limit)

    def decode_job(self, blob: bytes) -> JobBody:
        """Read the body of a claimed job.

        Raises:
            DecodeError: it cannot be read.
        """
        return self._core.reader.job_at_once(blob)

    def watch(self, job_id: str, *, in_request: bool = False) -> Watch:
        """Begin to wait for a result, before the job is enqueued if you like.

        Args:
            job_id: whose.
            in_request: its request says that somebody waits (`wants_outcome`); else Redis is told.

        ```
        with broker.watch(job_id) as watch:
            await broker.enqueue(JobRequest(function="add", args=[1, 2], job_id=job_id))
            result = await watch.wait(5)
        ```
        """
        return Watch(self._watcher, job_id, in_request=in_request)

    async def wait(self, job_id: str, timeout: float) -> JobResult | None:
        """Wait up to `timeout` seconds for a result; see `Watch.wait`."""
        with self.watch(job_id) as watch:
            return await watch.wait(timeout)

    async def announce(self, record: WorkerRecord, *, ttl: float = 15.0) -> None:
        """Say that a worker lives, for the next `ttl` seconds."""
        await self._announcing.announce(record, ttl=ttl)

    async def mark_data_set(self) -> None:
        """Look which data set Redis holds, and name it where nobody has; a change is logged."""
        await self._announcing.mark_data_set()

    @property
    def data_set(self) -> DataSet:
        """Which data set Redis held when this process last looked."""
        return self._core.data_set

    async def retire(self, record: WorkerRecord) -> None:
        """Take a worker off the list of the living, and the health line with the last that writes it."""
        await self._announcing.retire(record)

    async def workers(self, queue: str | None = None) -> list[WorkerRecord]:
        """The live workers of a queue, by default of the default queue. Stock arq workers are not known."""
        return await self._observing.workers(self.keys.queue(queue))

    async def queue_depth(self, queue: str | None = None) -> QueueDepth:
        """Count the jobs of a queue by status. Running ones are counted exactly up to 1,000 of each kind."""
        return await self._observing.queue_depth(self.keys.queue(queue))

    async def write_health(self, queue: str, line: str, *, ttl: float, key: str | None = None) -> None:
        """Write the health line that arq's workers share, for `arq --check` and what else reads it.

        Args:
            queue: whose length is put behind the line.
            line: all before that, `Jan-31 12:00:00 j_complete=1 … queued=`.
            ttl: seconds.
            key: where; None = as in arq.
        """
        await self._announcing.write_health(queue, line, key=key, ttl=ttl)

    async def pause(self, queue: str | None = None) -> None:
        """Let jobgate's workers claim nothing more from a queue, by default from the default queue.

        What runs goes on, and jobs can be enqueued and aborted. Stock arq workers know no pause.
        """
        await self._pausing.pause(self.keys.queue(queue))

    async def resume(self, queue: str | None = None) -> None:
        """End the pause of a queue and wake a worker. Does nothing more where there is no pause."""
        await self._pausing.resume(self.keys.queue(queue))

    async def is_paused(self, queue: str | None = None) -> bool:
        """Whether a queue is paused."""
        return await self._pausing.is_paused(self.keys.queue(queue))

    async def queues(self) -> list[str]:
        """Find all queues that hold jobs, have a live worker or are paused, and the default queue.

        It scans all keys of the database, without blocking others: do not ask all the time.
        """
        return await self._pausing.queues()

    async def wait_for_work(self, queues: str | Sequence[str], timeout: float) -> None:
        """Return when there may be something to claim in one of the queues, or after `timeout` seconds."""
        await self._waking.wait_for_work(queues, timeout)

    def abort_notices(self, queue: str) -> AsyncIterator[str]:
        """Yield ids of running jobs as they are asked to abort; `LeaseRenewer.renew` tells of missed ones."""
        return self._waking.abort_notices(queue)

    def lease_renewer(self, lease: float = 10.0) -> LeaseRenewer:
        """Make the renewer of such leases for a thread of the caller's; it has a connection of its own."""
        return renewer_of(self.settings, self.keys, lease)

    async def check(self, *, timeout: float | None = None) -> Readiness:
        """Write as an enqueue does, and look at Redis' settings, in `timeout` seconds or the deadline."""
        return await self._observing.check(timeout)

    async def server_info(self) -> ServerInfo | None:
        """Ask the server about itself; None where it is away or does not allow INFO and DBSIZE."""
        return await self._observing.server_info()
