"""The testing kit for unittest, and for what is built on it, such as Django's test cases."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from jobgate.testing.environment import Environment

if TYPE_CHECKING:
    from unittest import TestCase as _Base
else:
    _Base = object


class JobgateTestMixin(_Base):
    """Gives each test an `Environment`, as `self.jobs`.

    ```python
    class SignUpTest(JobgateTestMixin, IsolatedAsyncioTestCase):
        jobgate_settings = WorkerSettings

        async def test_welcome(self):
            await sign_up(self.jobs.client, "Ann")
            self.jobs.worker.assert_enqueued("welcome", "Ann")
            await self.jobs.worker.run_jobs()
    ```

    It stands before `TestCase`, `IsolatedAsyncioTestCase` or those of Django. Tests without an event loop use
    `self.jobs.blocking_client` and `self.jobs.worker.run_jobs_blocking()`.
    """

    #: The settings of the worker: a class, its import path, a dict, or a list of functions; None = none.
    jobgate_settings: ClassVar[object] = None
    #: Settings that override them.
    jobgate_overrides: ClassVar[Mapping[str, Any]] = {}
    #: A Redis server with a database for these tests alone; None = the embedded one.
    jobgate_redis_url: ClassVar[str | None] = None

    jobs: Environment

    def setUp(self) -> None:
        """Make the environment, which is closed after the test."""
        super().setUp()
        self.jobs = Environment(
            self.jobgate_settings, redis_url=self.jobgate_redis_url, **self.jobgate_overrides
        )
        self.addCleanup(self.jobs.close)
