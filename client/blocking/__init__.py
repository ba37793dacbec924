"""The client for programs without an event loop: a thin face over the async one, which a thread runs."""

from jobgate.client.blocking.caller import BlockingCaller
from jobgate.client.blocking.client import BlockingClient
from jobgate.client.blocking.job_handle import BlockingJobHandle

__all__ = ["BlockingCaller", "BlockingClient", "BlockingJobHandle"]
