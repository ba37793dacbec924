"""The HTTP fronts that are compared: how each is started as its documents say, and what one asks of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.peers.environments import executable
from benchmarks.peers.workers import ARQ, JOBGATE
from benchmarks.programs.server_url import REDIS_URL
from benchmarks.running import Child, Stage, child, free_port, load

#: Arguments of the jobs.
BODY = b'{"args":[42,"de"],"kwargs":{"key":"value"}}'
NO_ARGUMENTS = b'{"args":[]}'


@dataclass(frozen=True)
class Front:
    """An HTTP service that enqueues jobs."""

    name: str
    #: Environment, program and arguments that start it; `{port}` and `{redis}` are filled in.
    command: tuple[str, ...]
    #: Path of its requests that enqueue, and the status of its answers.
    path: str
    status: bytes
    #: Path that shows that it is there.
    live: str = "/livez"
    #: A request that enqueues and waits for the result, and the status of its answers.
    call: bytes = b""
    call_status: bytes = b"200"
    #: Starts the worker that answers calls.
    worker: Callable[[Stage], AbstractContextManager[Child]] | None = None

    @contextmanager
    def running(self, stage: Stage, *options: str, with_worker: bool = False) -> Iterator[tuple[Child, int]]:
        """Run it until the block ends; yield its process and its port."""
        port = free_port()
        environment, program, *arguments = self.command
        words = [word.format(port=port, redis=stage.url) for word in arguments]
        variables = {REDIS_URL: stage.url, "FLOWER_UNAUTHENTICATED_API": "true"}
        with ExitStack() as stack:
            if with_worker and self.worker:
                stack.enter_context(self.worker(stage))
            front = stack.enter_context(
                child(
                    executable(environment, program),
                    *words,
                    *options,
                    port=port,
                    path=self.live,
                    variables=variables,
                )
            )
            yield front, port

    def request(self, body: bytes = BODY) -> bytes:
        """Return a request that enqueues."""
        return load.post(self.path, body)


def _celery_worker(stage: Stage) -> AbstractContextManager[Child]:
    words = ["-A", "benchmarks.programs.celery_jobs", "worker", "--loglevel", "INFO"]
    return child(executable("celery", "celery"), *words, variables={REDIS_URL: stage.url})


GATEWAY = Front(
    "jobgate",
    ("jobgate", "jobgate", "gateway", "--redis", "{redis}", "--port", "{port}"),
    "/jobs/noop",
    b"202",
    call=load.post("/jobs/noop", NO_ARGUMENTS, Prefer="wait=30"),
    worker=JOBGATE.worker,
)
BARE = Front(
    "bare aiohttp",
    ("jobgate", "python", "-m", "benchmarks.programs.bare", "{port}"),
    "/jobs/noop",
    b"202",
    call=load.post("/jobs/noop", NO_ARGUMENTS),
    call_status=b"202",
)
FASTAPI = Front(
    "FastAPI + arq",
    ("fastapi", "uvicorn", "benchmarks.programs.fastapi_front:app", "--port", "{port}"),
    "/jobs/noop",
    b"202",
    live="/",
    call=load.post("/calls/noop", NO_ARGUMENTS),
    worker=ARQ.worker,
)
FLOWER = Front(
    "Flower + Celery",
    ("celery", "celery", "-A", "benchmarks.programs.celery_jobs", "flower", "--port={port}"),
    "/api/task/async-apply/noop",
    b"200",
    live="/healthcheck",
    call=load.post("/api/task/apply/noop", NO_ARGUMENTS),
    worker=_celery_worker,
)
FRONTS = (GATEWAY, BARE, FASTAPI, FLOWER)
