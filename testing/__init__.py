"""What tests of functions, and of what calls them, need; docs/testing.md shows it.

Fixtures for pytest come with jobgate's plugin. For unittest and Django there is `JobgateTestMixin`.
`EagerClient` runs functions at once, without Redis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobgate.testing.enqueued import EnqueuedJob
    from jobgate.testing.environment import Environment
    from jobgate.testing.errors import JobsFailed, NotImitated, TestingError
    from jobgate.testing.gateway import GatewayInTest
    from jobgate.testing.manual_worker import ManualWorker
    from jobgate.testing.ran_jobs import RanJob

#: Name -> its module. pytest loads the plugin in every project, and must not import a worker for that.
_MODULES = {
    "EnqueuedJob": "enqueued",
    "Environment": "environment",
    "GatewayInTest": "gateway",
    "JobsFailed": "errors",
    "ManualWorker": "manual_worker",
    "NotImitated": "errors",
    "RanJob": "ran_jobs",
    "TestingError": "errors",
}

__all__ = [
    # One test
    "Environment", "GatewayInTest", "ManualWorker",
    # Jobs
    "EnqueuedJob", "RanJob",
    # Errors
    "JobsFailed", "NotImitated", "TestingError",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"jobgate.testing.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
