"""Many jobs in one request: `POST /jobs` with an array, or with a stream of lines."""

from jobgate.gateway.batch.handler import enqueue_many

__all__ = ["enqueue_many"]
