"""The transition *finish*: a job ends, and its result is stored."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker.bodies import encode_failure_note, encode_result, note_of
from jobgate.broker.link import Coalescer
from jobgate.broker.milliseconds import ENDED_TTL_MS, OUTCOME_TTL_MS, keep_ms
from jobgate.broker.part import Core, Part
from jobgate.broker.records import JobResult
from jobgate.broker.scripts import script
from jobgate.broker.transitions.leases import Lease, Transition

#: What finish.lua returns, as an index.
_ANSWERS = (Transition.STALE, Transition.DONE, Transition.WANTED)


@dataclass(slots=True)
class _Ending:
    lease: Lease
    keep_ms: int
    blob: bytes
    #: What the mark of the end says if the result is not kept; else the note of a failure.
    note: str
    #: `succeeded`, `failed` or `aborted`.
    ending: str
    function: str
    #: The key whose pending jobs are counted; empty = they are not.
    counted_owner: str
    #: Where the outcome is sent to, besides being stored; empty = nowhere.
    answer_to: str


class FinishPart(Part):
    """Ends jobs (finish.lua)."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._endings: Coalescer[_Ending, Transition] = Coalescer(
            self._send_endings,
            group=lambda ending: ending.lease.queue,
            weight=lambda ending: len(ending.blob),
        )

    def finish(
        self, lease: Lease, result: JobResult, *, keep: float | None, is_wanted: bool = False
    ) -> Awaitable[Transition]:
        """End a job: store its result and delete all its other keys, in one step. Await what it returns.

        Calls made in the same turn of the event loop are sent as one script call.

        Args:
            lease: As claimed.
            result: What to store.
            keep: Seconds to keep the result; 0 = store none, None = for ever.
            is_wanted: With `keep` 0, encode the result and hand it to waiters.

        Returns:
            DONE; STALE if another worker owns the lease by now; WANTED, with `keep` 0, if somebody waits:
            call again with `is_wanted`; UNCONFIRMED if it is stale but an earlier answer to this call was
            lost. STALE and WANTED change nothing.

        Raises:
            EncodeError: The codec cannot encode the result; nothing was changed.
        """
        kept_ms = keep_ms(keep)
        blob = encode_result(result, self._core.codec) if kept_ms or is_wanted else b""
        note = encode_failure_note(result) if kept_ms else note_of(result)
        options = result.options
        owner = (options.owner or "") if options.is_counted else ""
        return self._endings.submit(
            _Ending(
                lease, kept_ms, blob, note, result.ending, result.function, owner, options.answer_to or ""
            )
        )

    async def _send_endings(self, endings: Sequence[_Ending], since: float) -> Sequence[Transition]:
        keys, queue = self.keys, endings[0].lease.queue
        args: list[Any] = [keys.job(""), keys.result(""), keys.in_progress(""), keys.retry("")]
        args += [keys.progress(queue, ""), keys.ended(""), ENDED_TTL_MS]
        args += [keys.wanted(""), keys.outcome(""), OUTCOME_TTL_MS, keys.suspect(""), keys.request("")]
        args += [keys.pending(""), keys.activity(queue, ""), keys.job_channel(queue), self._core.index_limit]
        args += [keys.failure(""), keys.tries(""), keys.answers("")]
        for ending in endings:
            lease = ending.lease
            args += [lease.job_id, lease.token, lease.tries, ending.keep_ms, ending.blob, ending.note]
            args += [ending.ending, ending.function, ending.counted_owner, ending.answer_to]
        places = [queue, keys.abort, keys.finished(queue), keys.failed(queue), keys.listeners(queue)]
        answers, is_in_doubt = await self._core.link.run_in_doubt(script("finish"), places, args, since=since)
        return [proven(_ANSWERS[answer], is_in_doubt) for answer in answers]

    async def _drain(self) -> None:
        await self._endings.drain()
        await super()._drain()


def proven(answer: Transition, is_in_doubt: bool) -> Transition:
    """Return what an answer proves: STALE says nothing about an earlier call whose answer was lost."""
    return Transition.UNCONFIRMED if is_in_doubt and answer is Transition.STALE else answer
