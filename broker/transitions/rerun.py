"""The transition *rerun*: a finished job is run again, as a new job with the same arguments."""

from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha1
from typing import Any

from jobgate.broker.bodies import encode_again, is_pickled
from jobgate.broker.errors import BrokerUnavailable, DecodeError
from jobgate.broker.milliseconds import BODY_TTL_MS, unix_ms
from jobgate.broker.part import Part
from jobgate.broker.records import Allowance, CallerLimits, JobBody, JobResult
from jobgate.broker.scripts import script
from jobgate.broker.transitions.caller_limits import allowance_of
from jobgate.broker.transitions.enqueue import new_job_id


class RerunAnswer(StrEnum):
    """The result of a request to run a job again."""

    #: It runs again as a new job; also when the request is repeated with the same `new_id`.
    CREATED = "created"
    #: It was run again before, as the job that is named.
    EXISTS = "exists"
    #: It has not ended.
    UNFINISHED = "unfinished"
    #: No such job.
    UNKNOWN = "unknown"
    #: It has ended, and its arguments cannot be read any more.
    NO_ARGUMENTS = "no-arguments"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rerun:
    """What has become of a request to run a job again. Times and queue are those of a CREATED job."""

    code: RerunAnswer
    #: The new job, if there is one.
    job_id: str | None = None
    #: Its function.
    function: str | None = None
    queue: str | None = None
    enqueue_time_ms: int | None = None
    due_time_ms: int | None = None
    #: What is left of the rate of the key that asked for it, if it has one and the job is CREATED.
    allowance: Allowance | None = None


#: The result may change between the read and the script, but not this many times in a row.
_LOOKS = 5
_CREATED, _EXISTS = 1, 2

#: The stored result, the kept arguments, and the id of the job as which it was run again.
_Stored = tuple[bytes, bytes | None, bytes | None]


class RerunPart(Part):
    """Runs finished jobs again (rerun.lua)."""

    async def rerun(
        self, job_id: str, *, new_id: str | None = None, limits: CallerLimits | None = None
    ) -> Rerun:
        """Run a finished job again, once: repeated requests get the same new job.

        The new job has the function, the queue, the arguments and the owner of the old one, and its options
        if that one failed: of jobs that succeeded only the result is kept. The arguments of a failed job are
        taken over byte by byte, whatever serializer wrote them.

        Args:
            job_id: The finished job.
            new_id: Id of the new job, which must be new; by default random. Give one to be able to repeat the
                request after WriteInDoubt and know whether it was this one that created the job.
            limits: The limits of the key of the job's owner, if it is the owner who asks.

        Raises:
            LimitReached: The caller has reached a limit.
            EncodeError: The arguments are those of a custom serializer that is not at hand.
        """
        new_id = new_id or new_job_id()
        for _ in range(_LOOKS):
            result, request, job, again = await self._core.link.command(
                "MGET",
                self.keys.result(job_id),
                self.keys.request(job_id),
                self.keys.job(job_id),
                self.keys.retried(job_id),
            )
            if result is None:
                return Rerun(code=RerunAnswer.UNKNOWN if job is None else RerunAnswer.UNFINISHED)
            answer = await self._rerun(job_id, new_id, limits, (result, request, again))
            if answer is not None:
                return answer
        raise BrokerUnavailable("The job changes its state too fast to be run again: try again.")

    async def _rerun(
        self, job_id: str, new_id: str, limits: CallerLimits | None, stored: _Stored
    ) -> Rerun | None:
        """Run a job again whose stored values were read; None = they have changed since."""
        result, request, again = stored
        try:
            ended = await self._core.decoder.result(result, job_id)
            body = await self._body(ended, result, request)
        except DecodeError:
            ended, body = None, None
        if ended is None or body is None:
            known = again.decode(errors="replace") if again else None
            return Rerun(code=RerunAnswer.EXISTS if known else RerunAnswer.NO_ARGUMENTS, job_id=known)
        options = body.options._replace(
            queue=ended.queue if body.options.queue == "" else body.options.queue,
            request_token=f"rerun:{new_id}",
            retry_of=job_id,
            wants_outcome=False,
            answer_to=None,
            is_counted=limits is not None and limits.counts_pending,
        )
        body = replace(body, options=options, first_try=None, enqueue_time_ms=unix_ms())
        blob = encode_again(body, request or result, self._core.codec)
        code, due_ms, id_, *rate = await self._create(job_id, new_id, ended, (blob, result), limits)
        allowance = allowance_of(limits, code, rate)
        if code not in (_CREATED, _EXISTS):
            return None
        return Rerun(
            code=RerunAnswer.CREATED if code == _CREATED else RerunAnswer.EXISTS,
            job_id=id_.decode(errors="replace"),
            function=ended.function,
            queue=ended.queue,
            enqueue_time_ms=body.enqueue_time_ms,
            due_time_ms=due_ms,
            allowance=allowance,
        )

    async def _body(self, ended: JobResult, result: bytes, request: bytes | None) -> JobBody | None:
        """Return the body that a finished job had, as far as is known; None if its arguments are gone."""
        if request is not None:
            return await self._core.decoder.job(request)
        if is_pickled(result) or not ended.has_job:
            return None
        return JobBody(
            function=ended.function,
            args=ended.args,
            kwargs=ended.kwargs,
            enqueue_time_ms=ended.enqueue_time_ms,
            options=ended.options._replace(queue=ended.queue),
        )

    async def _create(
        self,
        job_id: str,
        new_id: str,
        ended: JobResult,
        blobs: tuple[bytes, bytes],
        limits: CallerLimits | None,
    ) -> list[Any]:
        """Call the script with the new body and the old result; return its answer."""
        keys, queue, (blob, result) = self.keys, self.keys.queue(ended.queue), blobs
        name = limits.name if limits else ""
        places = [queue, keys.wake(queue), keys.abort, keys.result(job_id), keys.retried(job_id)]
        places += [keys.job(new_id), keys.result(new_id), keys.ended(new_id), keys.listeners(queue)]
        places += [keys.rate(name), keys.pending(name)]
        answer: list[Any] = await self._core.link.run(
            script("rerun"),
            places,
            [
                new_id,
                blob,
                sha1(result, usedforsecurity=False).hexdigest(),
                BODY_TTL_MS,
                keys.activity(queue, ""),
                keys.job_channel(queue),
                ended.function,
                limits.text if limits else "",
                keys.job(""),
            ],
        )
        return answer
