"""All benchmarks by name, in the order in which they run."""

from collections.abc import Callable

from benchmarks.measures.http import blocking, call, enqueue, profile, through_redis
from benchmarks.measures.stored import backlog, idle, listing
from benchmarks.measures.waiting import crowd, long_polls, streams
from benchmarks.measures.work import books, cold_start, drain, payload, sleepers, start_up
from benchmarks.running import Stage
from benchmarks.tables import Table

CATALOGUE: dict[str, Callable[[Stage], Table]] = {
    "drain": drain.drain,
    "drain-defaults": drain.drain_defaults,
    "drain-fleet": drain.drain_fleet,
    "drain-typed": drain.drain_typed,
    "sleepers": sleepers.sleepers,
    "enqueue-http": enqueue.enqueue_http,
    "enqueue-batch": enqueue.enqueue_batch,
    "batch-connections": enqueue.batch_connections,
    "enqueue-redis": through_redis.enqueue_redis,
    "payload": payload.payload,
    "call-http": call.call_http,
    "call-redis": through_redis.call_redis,
    "call-blocking": blocking.call_blocking,
    "profile": profile.profile,
    "long-polls": long_polls.long_polls,
    "streams": streams.streams,
    "crowd": crowd.beside_crowd,
    "idle": idle.idle,
    "memory": backlog.memory,
    "backlog": backlog.backlog,
    "list": listing.list_finished,
    "start-worker": start_up.start_worker,
    "start-gateway": start_up.start_gateway,
    "start-typed": start_up.start_typed,
    "cold-start": cold_start.cold_start,
    "books-enqueue": books.books_enqueue,
    "books-drain": books.books_drain,
}
