"""Reads one job: a view of it, its mark, its result or its body."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jobgate.broker.bodies import DECODE_TIMEOUT, OWNER_WITHIN, earlier_tries, progress_of, worker_of
from jobgate.broker.errors import DecodeError, NotAQueue
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.records import JobBody, JobResult
from jobgate.broker.scripts import script
from jobgate.broker.views.job_marks import count_of, job_mark, mark_of_state, running_since, status_of
from jobgate.broker.views.job_view import JobMark, JobStatus, JobView, mark_of


class ViewPart(Part):
    """Reads one job."""

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
        if view is not None and view.queue is None and own and own not in places:
            view = await self._read_view(job_id, [own], await self._look(job_id, [own], form, owner), until)
        return await self._with_tries(view) if view and view.tries > 1 else view

    async def _with_tries(self, view: JobView) -> JobView:
        """Return a job with what is known of its earlier tries: few jobs have any."""
        try:
            entries = await self._core.link.command("LRANGE", self.keys.tries(view.job_id), 0, -1)
        except NotAQueue:  # something else wrote this key
            return view
        return replace(view, earlier_tries=earlier_tries(entries))

    async def mark(self, job_id: str, *, queues: Sequence[str] = ()) -> JobMark | None:
        """Return the `JobView.mark` that a view in these queues would have, cheaply; None = unknown."""
        places = list(dict.fromkeys([self.keys.default_queue, *queues]))
        answer = await self._look(job_id, places, "brief")
        return mark_of_state(answer[0], places, answer[1:])

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

    async def _look(
        self, job_id: str, queues: Sequence[str], form: str, owner: str | None = None
    ) -> Sequence[Any]:
        keys = self.keys
        stored = [keys.job(job_id), keys.result(job_id), keys.in_progress(job_id), keys.retry(job_id)]
        stored += [keys.outcome(job_id), keys.epoch, keys.retried(job_id)]
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
        now_ms, body_blob, result_blob, token, tries, place, score, progress, retried = answer
        status = status_of(now_ms, body_blob, result_blob, token, score)
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
            tries=result.tries if result else count_of(tries),
            due_time_ms=ms_of(score) if waits and score else None,
            worker=result.worker if result else worker_of(holder),
            running_since_ms=None if result else running_since(holder, body),
            progress=None if result else progress_of(progress, token),
            retried_as=retried.decode(errors="replace") if retried else None,
            mark=job_mark(status, queues, answer, (mark_of(body_blob), mark_of(result_blob))),
        )
