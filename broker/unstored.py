"""A broker without Redis, for tests of functions: it encodes as usual, and keeps what it gets in memory."""

from collections.abc import Sequence
from typing import Any

from jobgate.broker.bodies import Codec, encode_request, encode_result
from jobgate.broker.broker import Broker
from jobgate.broker.job_options import MADE
from jobgate.broker.milliseconds import unix_ms
from jobgate.broker.records import JobRequest, JobResult
from jobgate.broker.transitions import ClaimedJob, Lease, Transition, check_request


class UnstoredBroker(Broker):
    """What running a job needs of a broker. Other methods would connect to Redis: do not call them.

    Args:
        codec: As in `Broker`.
        trust_pickle: As in `Broker`.
    """

    def __init__(self, codec: Codec, *, trust_pickle: bool) -> None:
        super().__init__(codec=codec, trust_pickle=trust_pickle)
        #: The job that has ended last, read as a client reads it.
        self.ended: JobResult | None = None
        #: Its exception itself, which codecs other than pickle do not keep.
        self.exception: BaseException | None = None

    def encoded(self, request: JobRequest, queue: str) -> bytes:
        """Return the stored form of a job.

        Raises:
            EncodeError: The codec cannot hold its arguments.
            InvalidJobRequest: The request is wrong.
        """
        check_request(request)
        options = request.options.enqueued(queue, MADE)
        return encode_request(request, options, unix_ms(), self._core.codec)

    async def finish(
        self, lease: Lease, result: JobResult, *, keep: float | None, is_wanted: bool = False
    ) -> Transition:
        """Keep a result, whatever `keep` says: encoded and decoded. Raises EncodeError."""
        self.exception = result.exception
        self.ended = await self._core.decoder.result(encode_result(result, self._core.codec), lease.job_id)
        return Transition.DONE

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
        """Do nothing: the job has not ended."""
        return Transition.DONE

    async def release(self, claimed: Sequence[ClaimedJob]) -> None:
        """Do nothing: the job has not ended."""

    async def report_progress(
        self, lease: Lease, fraction: float, message: str | None = None, *, place: Any = None
    ) -> bool:
        """Forget it."""
        return True
