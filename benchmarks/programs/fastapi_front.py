"""The usual front of arq: `uvicorn benchmarks.programs.fastapi_front:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from benchmarks.programs.server_url import URL


class Job(BaseModel):
    """The body of a request."""

    args: list[Any] = Field(default_factory=list)
    kwargs: dict[str, Any] = Field(default_factory=dict)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await create_pool(RedisSettings.from_dsn(URL))
    yield
    await app.state.pool.aclose()


app = FastAPI(lifespan=_lifespan)


@app.post("/jobs/{function}", status_code=202)
async def enqueue(function: str, body: Job) -> dict[str, str]:
    """Enqueue a job."""
    job = await app.state.pool.enqueue_job(function, *body.args, **body.kwargs)
    if job is None:
        raise HTTPException(409)
    return {"job_id": job.job_id, "function": function}


@app.post("/calls/{function}")
async def call(function: str, body: Job) -> dict[str, Any]:
    """Enqueue a job and wait for its result."""
    job = await app.state.pool.enqueue_job(function, *body.args, **body.kwargs)
    if job is None:
        raise HTTPException(409)
    return {"job_id": job.job_id, "result": await job.result(timeout=30)}
