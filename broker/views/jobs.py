"""Reads: one job, its result, the queue, the workers, the state of Redis itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker.bodies import (
    DECODE_TIMEOUT,
    OWNER_WITHIN,
    begun_ms,
    claimed_ms,
    progress_of,
    worker_of,
    worker_record,
)
from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    DecodeError,
    NotAQueue,
    WriteInDoubt,
)
from jobgate.broker.job_marks import JobMark, mark_of
from jobgate.broker.link import translate
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.records import JobBody, JobResult, JobStatus, JobView, QueueDepth, WorkerRecord
from jobgate.broker.scripts import script

#: Bytes of a worker's record, at most: of one with some ten thousand functions.
_LARGEST_RECORD = 1_048_576
#: Running jobs are looked for among the ids due within this many ms: the longest lease that is supported.
_LONGEST_LEASE_MS = 60_000
#: How many ids are looked at, at most, in each of the two windows where running jobs can be.
_COUNT_WINDOW = 1000


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether Redis can be worked with, and how safe data are there."""

    ok: bool
    #: One sentence for operators, with address and cause.
    detail: str
    #: One sentence for callers, without them; empty when all is well.
    reason: str = ""
    #: `aof`, `rdb`, `none`, or `unknown` where CONFIG is not allowed.
    durability: str = "unknown"
    #: `maxmemory-policy`; anything but `noeviction` loses jobs when memory is short.
    eviction: str = "unknown"

    @property
    def risks(self) -> tuple[str, ...]:
        """What in these settings may lose jobs, a sentence each with what to do."""
        evicts = (
            f"Redis may throw jobs away when its memory is full (maxmemory-policy is {self.eviction}): "
            "set maxmemory-policy to noeviction"
        )
        forgets = "Redis keeps nothing on disk, a restart of it loses all jobs: set appendonly to yes"
        found = (
            (evicts, self.eviction not in {"noeviction", "unknown"}),
            (forgets, self.durability == "none"),
        )
        return tuple(sentence for sentence, is_so in found if is_so)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerInfo:
    """What the server says of itself, as it says it; `?` where it does not."""

    #: Of Redis, or of that Redis which the server is like.
    redis_version: str
    #: None where it is no Valkey.
    valkey_version: str | None
    #: Memory in use, for people: `1.53M`.
    used_memory: str
    connected_clients: str
    #: Keys in this database.
    keys: str


#: Why Redis is not ready, for callers: by the kind of the error, and where it is not there by its reason.
_REFUSED: tuple[tuple[type[BrokerError], str], ...] = (
    (BrokerFull, "Redis refuses writes: its memory or disk is full, or it cannot persist."),
    (BrokerMisconfigured, "Redis refuses this gateway: see the gateway's log."),
)
_UNAVAILABLE = {
    "": "Redis does not answer correctly.",
    "wrong-server": "The server at the Redis address accepts no writes: it is a replica or still loading.",
    "no-replicas": "Redis refuses writes: too few of its replicas are connected.",
}


class ViewPart(Part):
    """Reads one job, the queues, the workers, and the state of Redis itself."""

    async def view(
        self,
        job_id: str,
        *,
        queues: Sequence[str] = (),
        until: float | None = None,
        waits: bool = False,
        owner: str | None = None,
    ) -> JobView | None:
        """Return a job as it is at one moment; None = unknown.

        Args:
            job_id: Id of the job.
            queues: Queues to look in besides the default queue and the one that the job itself names.
            until: Time of the event loop until which a large pickle may be read; then it is left out.
            waits: The caller waits for the job: also show an outcome that is handed over instead of kept.
            owner: Skip jobs that cannot belong to this owner. A job that is returned may still belong to
                another.
        """
        places = list(dict.fromkeys([self.keys.default_queue, *queues]))
        until = asyncio.get_running_loop().time() + DECODE_TIMEOUT if until is None else until
        form = "handed" if waits else "whole"
        view = await self._read_view(job_id, places, await self._look(job_id, places, form, owner), until)
        own = view.body.options.queue if view and view.body else None
        if view is None or view.queue is not None or own is None or own in places:
            return view
        return await self._read_view(job_id, [own], await self._look(job_id, [own], form, owner), until)

    async def mark(self, job_id: str, *, queues: Sequence[str] = ()) -> JobMark | None:
        """Return the `JobView.mark` that a view in these queues would have, cheaply; None = unknown."""
        places = list(dict.fromkeys([self.keys.default_queue, *queues]))
        answer = await self._look(job_id, places, "brief")
        if _status(answer[0], answer[1], answer[2], answer[3], answer[6]) is None:
            return None
        return _mark(places, answer, (answer[1], answer[2]))

    async def result(self, job_id: str) -> JobResult | None:
        """Return a result; None if there is none. Raises DecodeError if it cannot be read."""
        blob = await self._stored(self.keys.result(job_id))
        return None if blob is None else await self._core.decoder.result(blob, job_id)

    async def body(self, job_id: str) -> JobBody | None:
        """Return the body of a job that has not ended; None if there is none. Raises DecodeError."""
        blob = await self._stored(self.keys.job(job_id))
        return None if blob is None else await self._core.decoder.job(blob)

    async def _stored(self, key: str) -> bytes | None:
        """Read a key of a job; raises DecodeError where it holds another kind of value."""
        try:
            stored: bytes | None = await self._core.link.command("GET", key)
        except NotAQueue:
            text = "The Redis key holds another type of value: another program wrote it."
            raise DecodeError(text) from None
        return stored

    async def workers(self, queue: str | None = None) -> list[WorkerRecord]:
        """Return the live workers of a queue, by default the default queue; stock arq workers are unknown."""
        keys, queue = self.keys, self.keys.queue(queue)
        _, *records = await self._core.link.read(
            script("workers"), [keys.workers(queue)], [keys.worker(queue, ""), _LARGEST_RECORD]
        )
        # One that cannot be read was not written by a worker: its next heartbeat puts that right.
        return [record for record in map(worker_record, records) if record is not None]

    async def queue_depth(self, queue: str | None = None) -> QueueDepth:
        """Count the jobs of a queue by status; running ones are exact up to 1,000 of each kind."""
        keys, queue = self.keys, self.keys.queue(queue)
        queued, deferred, in_progress, oldest_ms, workers, paused, health = await self._core.link.read(
            script("depth"),
            [queue, keys.workers(queue), keys.paused(queue), keys.health_check(queue)],
            [keys.in_progress(""), _LONGEST_LEASE_MS, _COUNT_WINDOW],
        )
        return QueueDepth(
            queue=queue,
            queued=queued,
            deferred=deferred,
            in_progress=in_progress,
            oldest_due_age=oldest_ms / 1000,
            workers=workers,
            is_paused=bool(paused),
            has_health_line=bool(health),
        )

    async def check(self, *, timeout: float | None = None) -> Readiness:
        """Return whether Redis accepts a write like that of an enqueue, and its durability settings.

        Args:
            timeout: Seconds, if fewer than the broker's deadline.
        """
        link = self._core.link
        timeout = link.deadline if timeout is None else timeout
        end = asyncio.get_running_loop().time() + timeout
        try:
            await link.run(script("probe"), [self.keys.probe], [], timeout=timeout)
        except BrokerError as error:
            return _not_ready(error, link.address)
        settings = await self._settings(end - asyncio.get_running_loop().time())
        return Readiness(
            ok=True,
            detail="Redis answers.",
            durability=_durability(settings),
            eviction=settings.get("maxmemory-policy", "unknown"),
        )

    async def server_info(self) -> ServerInfo | None:
        """Return what INFO and DBSIZE say; None if Redis is away or does not allow them."""
        link = self._core.link
        try:
            text = (await link.command("INFO", "server", "memory", "clients")).decode(errors="replace")
            keys = str(await link.command("DBSIZE"))
        except BrokerError:
            return None
        said = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return ServerInfo(
            redis_version=said.get("redis_version", "?"),
            valkey_version=said.get("valkey_version"),
            used_memory=said.get("used_memory_human", "?"),
            connected_clients=said.get("connected_clients", "?"),
            keys=keys,
        )

    async def _settings(self, timeout: float) -> dict[str, str]:
        try:
            answer = await self._core.link.command(
                "CONFIG", "GET", "appendonly", "save", "maxmemory-policy", timeout=timeout
            )
        except BrokerError:
            return {}
        flat = [part.decode() for part in answer]
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def _look(
        self, job_id: str, queues: Sequence[str], form: str, owner: str | None = None
    ) -> Sequence[Any]:
        keys = self.keys
        stored = [keys.job(job_id), keys.result(job_id), keys.in_progress(job_id), keys.retry(job_id)]
        stored += [keys.outcome(job_id), keys.epoch]
        places = [key for queue in queues for key in (queue, keys.progress(queue, job_id))]
        answer: Sequence[Any]
        *answer, data_set = await self._core.link.read(
            script("view"), [*stored, *places], [job_id, form, owner or "", OWNER_WITHIN]
        )
        self._core.data_set.note(data_set)
        return answer

    async def _read_view(
        self, job_id: str, queues: Sequence[str], answer: Sequence[Any], until: float
    ) -> JobView | None:
        now_ms, body_blob, result_blob, token, tries, place, score, progress = answer
        status = _status(now_ms, body_blob, result_blob, token, score)
        if status is None:
            return None
        decoder = self._core.decoder
        result = await decoder.result_or_none(result_blob, job_id, until=until)
        holder = None if token is None else token.decode(errors="replace")
        waits = status in (JobStatus.DEFERRED, JobStatus.QUEUED)
        body = await decoder.job_or_none(body_blob, until=until)
        return JobView(
            job_id=job_id,
            status=status,
            queue=queues[place - 1] if place else (result.queue if result else None),
            body=body,
            result=result,
            tries=result.tries if result else _count(tries),
            due_time_ms=ms_of(score) if waits and score else None,
            worker=result.worker if result else worker_of(holder),
            running_since_ms=None if result else _running_since(holder, body),
            progress=None if result else progress_of(progress, token),
            mark=_mark(queues, answer, (mark_of(body_blob), mark_of(result_blob))),
        )


def _running_since(token: str | None, body: JobBody | None) -> int | None:
    sent_ms = claimed_ms(token)
    return begun_ms(sent_ms, body.enqueue_time_ms) if sent_ms is not None and body else sent_ms


def _mark(queues: Sequence[str], answer: Sequence[Any], marks: tuple[Any, Any]) -> JobMark:
    now_ms, body, result, token, tries, place, score, progress = answer
    status = _status(now_ms, body, result, token, score)
    if status is JobStatus.COMPLETE:
        return "complete", marks[1]
    # While it runs the score is the end of its lease, which is renewed all the time.
    due = None if status is JobStatus.IN_PROGRESS else score
    return status, marks[0], token, tries, queues[place - 1] if place else None, due, progress


def _not_ready(error: BrokerError, address: str) -> Readiness:
    if isinstance(error, WriteInDoubt) and error.__cause__ is not None:
        error = translate(error.__cause__, address)  # nobody cares what became of the probe
    reason = next((text for kind, text in _REFUSED if isinstance(error, kind)), "")
    return Readiness(ok=False, detail=str(error), reason=reason or _UNAVAILABLE[error.reason])


def _status(
    now_ms: int, body: bytes | None, result: bytes | None, token: bytes | None, score: bytes | None
) -> JobStatus | None:
    if result is not None:
        return JobStatus.COMPLETE
    if token is not None:
        return JobStatus.IN_PROGRESS
    if score is None and body is None:
        return None
    return JobStatus.DEFERRED if score is not None and float(score) > now_ms else JobStatus.QUEUED


def _count(tries: bytes | None) -> int:
    try:
        return int(tries or 0)
    except ValueError:  # something else wrote this key
        return 0


def _durability(settings: dict[str, str]) -> str:
    if not settings:
        return "unknown"
    if settings.get("appendonly") == "yes":
        return "aof"
    return "rdb" if settings.get("save") else "none"
