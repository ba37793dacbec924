"""The way to Redis: connections, settings, and batching of calls."""

from jobgate.broker.link.adopted import settings_of
from jobgate.broker.link.coalescer import Coalescer
from jobgate.broker.link.data_set import DataSet
from jobgate.broker.link.link import Link, packed
from jobgate.broker.link.peers import TRUSTED_FOR
from jobgate.broker.link.settings import DEFAULT_URL, RedisSettings, async_client, sync_client, unnamed
from jobgate.broker.link.translation import translate

__all__ = [
    # Settings and clients
    "DEFAULT_URL", "RedisSettings", "async_client", "settings_of", "sync_client", "unnamed",
    # Calls
    "Coalescer", "DataSet", "Link", "TRUSTED_FOR", "packed", "translate",
]  # fmt: skip
