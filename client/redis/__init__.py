"""Calls directly through Redis; needs the packages of the extra `worker`."""

from jobgate.client.redis.transport import RedisTransport

__all__ = ["RedisTransport"]
