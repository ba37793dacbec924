"""The transition *retry*: a job runs again later."""

from jobgate.broker.bodies import MOST_TRIES_KEPT
from jobgate.broker.milliseconds import BODY_TTL_MS, to_ms
from jobgate.broker.part import Part
from jobgate.broker.scripts import script
from jobgate.broker.transitions.finish import proven
from jobgate.broker.transitions.leases import Lease, Transition


class RetryPart(Part):
    """Gives jobs back for another try (retry.lua)."""

    async def retry(
        self,
        lease: Lease,
        *,
        function: str = "",
        defer: float | None,
        score_ms: int,
        tries: int | None = None,
        entry: bytes = b"",
    ) -> Transition:
        """Return a job to the queue for another try; the current try counts.

        Args:
            lease: As claimed.
            function: Its name, under which the retry is counted; empty = unknown.
            defer: Seconds until the next try; None = at its old place in the queue, like arq's `Retry()`.
            score_ms: Its due time before the claim.
            tries: Number of the current try, if it is higher than in the lease: a stock arq producer may have
                set the first one (`JobBody.first_try`).
            entry: What is kept of the current try, as `encode_try` returns it; empty = nothing.

        Returns:
            DONE, STALE or UNCONFIRMED, as from `finish`.
        """
        keys = self.keys
        places = [
            *(lease.queue, keys.wake(lease.queue), keys.job(lease.job_id), keys.in_progress(lease.job_id)),
            *(keys.retry(lease.job_id), keys.listeners(lease.queue), keys.tries(lease.job_id)),
        ]
        arguments = [
            *(lease.job_id, lease.token, lease.tries, "" if defer is None else to_ms(defer), score_ms),
            *(BODY_TTL_MS, lease.tries if tries is None else tries, keys.activity(lease.queue, "")),
            *(keys.job_channel(lease.queue), function, entry, MOST_TRIES_KEPT),
        ]
        is_done, is_in_doubt = await self._core.link.run_in_doubt(script("retry"), places, arguments)
        return proven(Transition.DONE if is_done else Transition.STALE, is_in_doubt)
