"""arq's two ways to make a worker."""

from typing import Any

from jobgate.worker.settings import Settings
from jobgate.worker.worker import Worker


def get_kwargs(settings_cls: object) -> dict[str, Any]:
    """Return what of a settings class, an instance or a dict is a setting of a worker, as arq's `get_kwargs`.

    Args:
        settings_cls: as for `Worker`; what it inherits counts too.

    Raises:
        SettingsError: it is a function.
    """
    return Settings.known_of(settings_cls)


def create_worker(settings_cls: object, **overrides: object) -> Worker:
    """Make a worker of settings, as arq's `create_worker`.

    Args:
        settings_cls: as for `Worker`.
        overrides: settings that win over it.

    Raises:
        SettingsError: a setting cannot be used; the message names it.
    """
    return Worker(settings_cls, **overrides)


def run_worker(settings_cls: object, **overrides: object) -> Worker:
    """Make a worker and run it until it is stopped, as arq's `run_worker`.

    Args:
        settings_cls: as for `Worker`.
        overrides: settings that win over it.

    Raises:
        SettingsError: a setting cannot be used; the message names it.
        BrokerError: Redis cannot be used at the start.
    """
    worker = create_worker(settings_cls, **overrides)
    worker.run()
    return worker
