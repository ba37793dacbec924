"""What tests of functions, and of what calls them, need; docs/testing.md shows it.

Fixtures for pytest come with jobgate's plugin. For unittest and Django there is `JobgateTestMixin`.
`EagerClient` runs functions at once, without Redis.
"""

from importlib import import_module
from importlib.util import find_spec
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


def require_extra() -> None:
    """Check that what the extra `testing` installs is there.

    Raises:
        ModuleNotFoundError: A package is missing; the message says what to install.
    """
    for package in ("redis", "hiredis", "jsonschema_rs", "yaml"):
        if find_spec(package) is None:
            message = (
                f"{package} is not installed: install jobgate with its extra [testing], in its folder: "
                "pip install '.[testing]'."
            )
            raise ModuleNotFoundError(message, name=package)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        if _MODULES[name] != "eager":  # it runs with the extra `worker` as well
            require_extra()
        return getattr(import_module(f"jobgate.testing.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
