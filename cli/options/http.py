"""What is served over HTTP, to whom, and within which limits."""

from pathlib import Path
from typing import Final

import click

from jobgate.cli.option import SEVERAL, octal, option

_ADDRESS: Final = "HTTP"
_ACCESS: Final = "Access"
_LIMITS: Final = "Limits"
_METRICS: Final = "Metrics"

HOST: Final = option(
    "--host", section=_ADDRESS, metavar="HOST", default="127.0.0.1", help="Address to listen on."
)
PORT: Final = option(
    "--port", section=_ADDRESS, metavar="PORT", default=8080, help="Port of the gateway; 0 = any free one."
)
TLS_CERT: Final = option(
    "--tls-cert",
    section=_ADDRESS,
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
    metavar="FILE",
    help="Serve HTTPS with the certificate in FILE (PEM, with its chain); read again when it changes.",
)
TLS_KEY: Final = option(
    "--tls-key",
    section=_ADDRESS,
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
    metavar="FILE",
    help="Private key of that certificate (PEM, not encrypted).",
)
UNIX_SOCKET: Final = option(
    "--unix-socket",
    section=_ADDRESS,
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
    metavar="PATH",
    help="Listen on a Unix socket in place of --host and --port. It needs no keys.",
)
UNIX_SOCKET_MODE: Final = option(
    "--unix-socket-mode",
    section=_ADDRESS,
    callback=octal,
    default="660",
    metavar="MODE",
    help="Permissions of the socket, in octal: who may write to it may call.",
)
BASE_PATH: Final = option(
    "--base-path",
    section=_ADDRESS,
    metavar="PATH",
    default="",
    show_default=False,
    help="Serve below PATH, such as /jobgate, behind a proxy that passes paths on unchanged.",
)
DRAIN: Final = option(
    "--drain",
    section=_ADDRESS,
    default=3.0,
    metavar="SECONDS",
    help="After SIGTERM, keep serving for this long while load balancers take the gateway out.",
)
NO_UI: Final = option(
    "--no-ui", section=_ADDRESS, is_flag=True, help="Serve no pages for browsers: no dashboard, no /docs."
)
READ_ONLY_UI: Final = option(
    "--read-only-ui",
    section=_ADDRESS,
    is_flag=True,
    help="Dashboard without buttons that change something. This limits the page, not the API.",
)
INSECURE: Final = option(
    "--insecure", section=_ACCESS, is_flag=True, help="Let everybody call without a key, on any address."
)
ALLOWED_HOSTS: Final = option(
    "--allow-host",
    "allowed_hosts",
    section=_ACCESS,
    type=SEVERAL,
    multiple=True,
    metavar="NAME",
    help="Host header that requests may carry besides those of loopback. Can be repeated; the variable "
    "takes commas.",
)
TRUSTED_PROXIES: Final = option(
    "--trusted-proxy",
    "trusted_proxies",
    section=_ACCESS,
    type=SEVERAL,
    multiple=True,
    metavar="ADDRESS",
    help="Reverse proxy whose headers name the client: an address, a network such as 10.0.0.0/8, or `unix` "
    "for all on the Unix socket. Can be repeated; the variable takes commas.",
)
PROXY_HEADER: Final = option(
    "--proxy-header",
    section=_ACCESS,
    type=click.Choice(["x-forwarded-for", "forwarded"]),
    default="x-forwarded-for",
    help="Header in which trusted proxies name the client; the other one is not read.",
)
MAX_WAIT: Final = option(
    "--max-wait",
    section=_LIMITS,
    default=60.0,
    metavar="SECONDS",
    help="Longest wait for a result that a request may ask for.",
)
MAX_WAITS: Final = option(
    "--max-waits",
    section=_LIMITS,
    type=click.IntRange(min=0),
    default=2000,
    metavar="N",
    help="Most requests that wait for a job at the same time, in all --workers.",
)
MAX_WAITS_PER_KEY: Final = option(
    "--max-waits-per-key",
    section=_LIMITS,
    type=click.IntRange(min=0),
    default=100,
    metavar="N",
    help="The same for one API key, and its most event streams; a key's own `waits` replaces it.",
)
MAX_STREAMS: Final = option(
    "--max-streams",
    section=_LIMITS,
    type=click.IntRange(min=0),
    default=1000,
    metavar="N",
    help="Most event streams that are open at the same time, in all --workers.",
)
MAX_HEADER: Final = option(
    "--max-header",
    section=_LIMITS,
    default=8192,
    metavar="BYTES",
    help="Longest header line and longest URL of a request.",
)
MAX_UNSENT: Final = option(
    "--max-unsent",
    section=_LIMITS,
    default=128 * 1024 * 1024,
    metavar="BYTES",
    help="Memory for large answers that clients are still reading, in all --workers; beyond it requests get "
    "503.",
)
BULK_AT_ONCE: Final = option(
    "--bulk-at-once",
    section=_LIMITS,
    default=50,
    metavar="JOBS",
    help="How many jobs an operation on many jobs, such as a bulk retry, acts on at the same time. Each of "
    "--workers runs one operation at a time.",
)
METRICS_PORT: Final = option(
    "--metrics-port",
    section=_METRICS,
    type=int,
    metavar="PORT",
    help="Second port, which serves /metrics without keys.",
)
METRICS_HOST: Final = option(
    "--metrics-host",
    section=_METRICS,
    default="127.0.0.1",
    metavar="HOST",
    help="Address on which the metrics port listens.",
)
# The image sets JOBGATE_WORKER_…: there a gateway must not take it.
WORKER_METRICS_PORT: Final = METRICS_PORT.but(
    envvar=("JOBGATE_METRICS_PORT", "JOBGATE_WORKER_METRICS_PORT"),
    type=click.IntRange(0, 65535),
    help="Serve /metrics and /livez on this port; 0 = any free one.",
)
WORKER_METRICS_HOST: Final = METRICS_HOST.of_settings(
    envvar=("JOBGATE_METRICS_HOST", "JOBGATE_WORKER_METRICS_HOST")
)
