"""Reads many jobs of one queue at once, for lists."""

import asyncio
from collections.abc import Sequence

from jobgate.broker.bodies import DECODE_TIMEOUT, OWNER_WITHIN
from jobgate.broker.scripts import script
from jobgate.broker.views.job_view import JobView
from jobgate.broker.views.jobs import ViewPart

#: Bytes after which one call stops reading jobs: one may be megabytes large.
_MOST_BYTES = 1024 * 1024


class ListedPart(ViewPart):
    """Reads jobs of a list (listed.lua)."""

    async def listed(
        self, queue: str, job_ids: Sequence[str], *, owner: str | None = None, until: float | None = None
    ) -> Sequence[JobView | None]:
        """Return jobs of a queue as they are at one moment, as `view` does; None = unknown.

        Large jobs are not all read in one call: the answer is then shorter than `job_ids`, by as many as are
        left. It has at least one.

        Args:
            queue: The queue in which they wait or run.
            job_ids: Ids of the jobs.
            owner: Skip jobs that cannot belong to this owner, as in `view`.
            until: Time of the event loop until which large pickles may be read, as in `view`.
        """
        if not job_ids:
            return []
        until = asyncio.get_running_loop().time() + DECODE_TIMEOUT if until is None else until
        keys = self.keys
        prefixes = [keys.job(""), keys.result(""), keys.in_progress(""), keys.retry("")]
        prefixes += [keys.progress(queue, ""), keys.retried("")]
        now_ms, data_set, *states = await self._core.link.read(
            script("listed"),
            [queue, keys.epoch],
            [*prefixes, owner or "", OWNER_WITHIN, _MOST_BYTES, *job_ids],
        )
        self._core.data_set.note(data_set)
        return [
            await self._read_view(job_id, [queue], [now_ms, *state], until)
            for job_id, state in zip(job_ids, states, strict=False)
        ]
