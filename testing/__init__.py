"""What tests of functions, and of what calls them, need; docs/testing.md shows it.

Fixtures for pytest come with jobgate's plugin. For unittest and Django there is `JobgateTestMixin`.
`EagerClient` runs functions at once, without Redis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobgate.testing.cases import JobgateTestMixin
    from jobgate.testing.eager import BlockingEagerClient, EagerClient
    from jobgate.testing.environment import Environment
    from jobgate.testing.errors import NotImitated, TestingError
    from jobgate.testing.jobs import EnqueuedJob, JobsFailed, RanJob
    from jobgate.testing.runs import ManualWorker
    from jobgate.testing.servers import GatewayInTest

#: Name -> its module. pytest loads the plugin in every project, and must not import a worker for that.
_MODULES = {
    "BlockingEagerClient": "eager",
    "EagerClient": "eager",
    "EnqueuedJob": "jobs",
    "Environment": "environment",
    "GatewayInTest": "servers",
    "JobgateTestMixin": "cases",
    "JobsFailed": "jobs",
    "ManualWorker": "runs",
    "NotImitated": "errors",
    "RanJob": "jobs",
    "TestingError": "errors",
}

__all__ = [
    # One test
    "Environment", "GatewayInTest", "ManualWorker",
    # For unittest and Django
    "JobgateTestMixin",
    # Without Redis
    "BlockingEagerClient", "EagerClient",
    # Jobs
    "EnqueuedJob", "RanJob",
    # Errors
    "JobsFailed", "NotImitated", "TestingError",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"jobgate.testing.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
