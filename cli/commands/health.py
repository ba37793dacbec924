"""`jobgate health`: does a gateway or worker answer that it is alive?"""

import urllib.request
from http import HTTPStatus
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit

import click

#: Where a gateway answers by default, and a worker in the image.
DEFAULT_URL: Final = "http://127.0.0.1:8080/livez"
#: Seconds to wait for the answer.
_TIMEOUT: Final = 4.0


@click.command("health")
@click.argument("url", envvar="JOBGATE_HEALTH_URL", default=DEFAULT_URL)
def command(url: str) -> None:
    """Check whether the gateway or worker at URL is alive, for the health checks of containers.

    URL is by default JOBGATE_HEALTH_URL, else http://127.0.0.1:8080/livez. Writes one line. Exit codes: 0 the
    answer is 200, 1 the answer is another one, or there is none within 4 seconds.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter("give an http:// or https:// URL, such as that of /livez", param_hint="URL")
    wrong = why_not_alive(url)
    click.echo(f"failed: {wrong}" if wrong else "ok", err=wrong is not None)
    raise SystemExit(1 if wrong else 0)


def why_not_alive(url: str) -> str | None:
    """Return why the program at this URL does not count as alive; None = it is alive."""
    # The environment's proxies are for other hosts than this one.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT) as answer:
            status = answer.status
    except HTTPError as error:
        status = error.code
        error.close()
    except (OSError, ValueError) as error:
        return f"{url} does not answer: {error}"
    return None if status == HTTPStatus.OK else f"{url} answers {status}"
