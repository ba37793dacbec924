"""What the gateway reads from Redis, once for all requests that ask at the same time."""

from jobgate.gateway.reads.fleet_reads import FleetReads, QueueState
from jobgate.gateway.reads.job_looks import Known, Looks
from jobgate.gateway.reads.redis_state import RedisState

__all__ = [
    "FleetReads",
    "Known",
    "Looks",
    "QueueState",
    "RedisState",
]
