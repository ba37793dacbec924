"""Functions run at once, in the process of the test and without Redis."""

from jobgate.testing.eager.blocking_client import BlockingEagerClient
from jobgate.testing.eager.client import EagerClient

__all__ = ["BlockingEagerClient", "EagerClient"]
