"""Reads: one job, its result, the queue, the workers, the state of Redis itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker.bodies.stored import OWNER_WITHIN
from jobgate.broker.bodies.tokens import begun_ms, claimed_ms, worker_of
from jobgate.broker.bodies.worker_records import worker_record
from jobgate.broker.core import PATIENCE, Core, ms_of
from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    DecodeError,
    NotAQueue,
    OutcomeUnknown,
)
from jobgate.broker.job_marks import JobMark, mark_of
from jobgate.broker.link.link import translate
from jobgate.broker.records import JobBody, JobResult, JobStatus, JobView, QueueDepth, WorkerRecord
from jobgate.broker.scripts.loader import script
from jobgate.broker.transitions.progress import progress_of

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


class Observing:
    """Reads that change nothing."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def view(
        self,
        job_id: str,
        queues: Sequence[str],
        until: float | None = None,
        *,
        waits: bool = False,
        owner: str | None = None,
    ) -> JobView | None:
        """Look at one job; see `Broker.view`."""
        places = list(dict.fromkeys([self._core.keys.default_queue, *queues]))
        until = asyncio.get_running_loop().time() + PATIENCE if until is None else until
        form = "handed" if waits else "whole"
        view = await self._read_view(job_id, places, await self._look(job_id, places, form, owner), until)
        own = view.body.options.queue if view and view.body else None
        if view is None or view.queue is not None or own is None or own in places:
            return view
        return await self._read_view(job_id, [own], await self._look(job_id, [own], form, owner), until)

    async def mark(self, job_id: str, queues: Sequence[str]) -> JobMark | None:
        """Look whether a job has changed; see `Broker.mark`."""
        places = list(dict.fromkeys([self._core.keys.default_queue, *queues]))
        answer = await self._look(job_id, places, "brief")
        if _status(answer[0], answer[1], answer[2], answer[3], answer[6]) is None:
            return None
        return _mark(places, answer, (answer[1], answer[2]))

    async def result(self, job_id: str) -> JobResult | None:
        """Read one result; see `Broker.result`."""
        blob = await self._stored(self._core.keys.result(job_id))
        return None if blob is None else await self._core.reader.result(blob, job_id)

    async def body(self, job_id: str) -> JobBody | None:
        """Read one body; see `Broker.body`."""
        blob = await self._stored(self._core.keys.job(job_id))
        return None if blob is None else await self._core.reader.job(blob)

    async def _stored(self, key: str) -> bytes | None:
        """Read a key of a job; raises DecodeError where it holds another kind of value."""
        try:
            stored: bytes | None = await self._core.link.command("GET", key)
        except NotAQueue:
            text = "The Redis key holds another type of value: another program wrote it."
            raise DecodeError(text) from None
        return stored

    async def workers(self, queue: str) -> list[WorkerRecord]:
        """The live workers of a queue; see `Broker.workers`."""
        keys = self._core.keys
        _, *records = await self._core.link.read(
            script("workers"), [keys.workers(queue)], [keys.worker(queue, ""), _LARGEST_RECORD]
        )
        # One that cannot be read was not written by a worker: its next heartbeat puts that right.
        return [record for record in map(worker_record, records) if record is not None]

    async def queue_depth(self, queue: str) -> QueueDepth:
        """Count the jobs of a queue; see `Broker.queue_depth`."""
        keys = self._core.keys
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

    async def check(self, timeout: float | None) -> Readiness:
        """Run a script that writes and look at Redis' settings; see `Broker.check`."""
        link = self._core.link
        timeout = link.deadline if timeout is None else timeout
        end = asyncio.get_running_loop().time() + timeout
        try:
            await link.run(script("probe"), [self._core.keys.probe], [], timeout=timeout)
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
        """Ask the server about itself; see `Broker.server_info`."""
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
        keys = self._core.keys
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
        reader = self._core.reader
        result = await reader.result_or_none(result_blob, job_id, until=until)
        holder = None if token is None else token.decode(errors="replace")
        waits = status in (JobStatus.DEFERRED, JobStatus.QUEUED)
        body = await reader.job_or_none(body_blob, until=until)
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
    if isinstance(error, OutcomeUnknown) and error.__cause__ is not None:
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
