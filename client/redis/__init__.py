"""Calls directly through Redis; needs the packages of the extra `worker`."""

from jobgate.client.redis.job_views import end_of, error_of
from jobgate.client.redis.transport import RedisTransport

__all__ = ["RedisTransport", "end_of", "error_of"]
