"""A Celery application: `celery -A benchmarks.programs.celery_jobs flower`, and `… worker`."""

from celery import Celery

from benchmarks.programs.server_url import URL

app = Celery("benchmarks", broker=URL, backend=URL)


@app.task(name="noop")
def noop(*args: object, **kwargs: object) -> None:
    """Return at once."""
