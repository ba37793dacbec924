"""`jobgate health`: does a gateway or worker answer that it is alive?"""

import ipaddress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit

import click

from jobgate.cli.http_access import SCHEMES, AccessError, HttpAccess, why_no_answer
from jobgate.cli.option import option

#: Where a gateway answers by default, and a worker in the image.
DEFAULT_URL: Final = "http://127.0.0.1:8080/livez"
#: Seconds to wait for the answer.
_TIMEOUT: Final = 4.0


@click.command("health")
@click.argument("url", envvar="JOBGATE_HEALTH_URL", default=DEFAULT_URL)
@option(
    "--ca-file",
    section="Health",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CAs to trust with an https:// URL, in PEM form.  [default: those of the system; on this machine's "
    "loopback addresses any certificate will do]",
)
def command(url: str, ca_file: Path | None) -> None:
    """Check whether the gateway or worker at URL is alive, for the health checks of containers.

    URL is by default JOBGATE_HEALTH_URL, else http://127.0.0.1:8080/livez. For a Unix socket it is
    http+unix://%2Frun%2Fjobgate.sock/livez. Writes one line. Exit codes: 0 the answer is 200, 1 any
    other answer, or none within 4 seconds.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise click.BadParameter("give an http:// or https:// URL, such as that of /livez", param_hint="URL")
    # It sends nothing secret, and the certificate is for the name by which callers know the gateway.
    verifies = ca_file is not None or not _is_loopback(parts.hostname)
    try:
        wrong = why_not_alive(url, HttpAccess(ca_file=ca_file, verifies=verifies))
    except AccessError as error:
        raise click.BadParameter(str(error), param_hint="--ca-file") from None
    click.echo(f"failed: {wrong}" if wrong else "ok", err=wrong is not None)
    raise SystemExit(1 if wrong else 0)


def why_not_alive(url: str, access: HttpAccess) -> str | None:
    """Return why the program at this URL does not count as alive; None = it is alive."""
    opener, address = access.opener(url)
    try:
        with opener.open(address, timeout=_TIMEOUT) as answer:
            status = answer.status
    except HTTPError as error:
        status = error.code
        error.close()
    except (OSError, ValueError, HTTPException) as error:
        return f"{url} does not answer: {why_no_answer(error)}"
    return None if status == HTTPStatus.OK else f"{url} answers {status}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
