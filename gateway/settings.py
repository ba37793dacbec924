"""The settings of a gateway: one object, each limit with its default and its reason."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jobgate.broker import (
    DEFAULT_INDEX_LIMIT,
    DEFAULT_URL,
    RedisSettings,
    is_plain_name,
    why_not_namespace,
    why_not_queue,
)
from jobgate.gateway.http import Proxies, ProxyHeader

#: What may stand before all paths; nothing that could be written in two ways.
_BASE_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")


class GatewayError(Exception):
    """The gateway cannot run with its settings: the message says what to change."""


class KeysFileError(GatewayError):
    """The keys file cannot be used: the message names the entry and what is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySettings:
    """The settings of a gateway. Durations are seconds, sizes are bytes.

    Raises:
        GatewayError: A value is not valid, or the gateway would be open to a network without keys.
    """

    #: Where Redis is: `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, or arq's `RedisSettings`.
    redis: RedisSettings | str | Any = field(default=DEFAULT_URL, repr=False)
    #: `json`, `msgpack` or `pickle` (only beside a stock arq fleet).
    serializer: str = "json"
    #: Prefix of all keys in Redis.
    namespace: str = "arq"
    host: str = "127.0.0.1"
    #: 0 = any free port, which is logged.
    port: int = 8080
    #: The certificate to show, with its chain, and its private key: files in PEM form. None = plain HTTP.
    tls_cert: Path | None = None
    tls_key: Path | None = None
    #: A Unix socket to listen on in place of host and port. It needs no keys: its permissions protect it.
    unix_socket: Path | None = None
    #: The permissions of its file.
    unix_socket_mode: int = 0o660
    #: What stands before all paths, such as `/jobgate`, behind a proxy that passes them on unchanged.
    base_path: str = ""
    #: A second port, for `/metrics` alone and without keys; None = `/metrics` is on the first port only.
    metrics_port: int | None = None
    #: The address of that port; it shows names of functions and queues to everybody who can reach it.
    metrics_host: str = "127.0.0.1"
    #: The API keys of callers, a file or a folder of files; None = everybody who can reach the port may call.
    keys_file: Path | None = None
    #: The content of a keys file, in place of a file.
    keys_text: str | None = field(default=None, repr=False)
    #: How long the keys stay valid when the file cannot be read; after that all requests are refused.
    keys_grace: float = 60.0
    #: Allow an address other than loopback without keys.
    insecure: bool = False
    #: The queue of requests that name none; None = the namespace's, `arq:queue`.
    default_queue: str | None = None
    #: Queues that requests may name besides the default one; empty = every valid name.
    queues: tuple[str, ...] = ()
    #: Values that `Host` may have besides names of loopback; it is checked if the address is loopback.
    allowed_hosts: tuple[str, ...] = ()
    #: Reverse proxies whose headers name the client: addresses, networks such as `10.0.0.0/8`, and `unix` for
    #: every peer on the Unix socket. Headers of others are not read.
    trusted_proxies: tuple[str, ...] = ()
    #: The header in which proxies name the client: `x-forwarded-for`, or `forwarded` (RFC 7239). The
    #: other one is not read.
    proxy_header: ProxyHeader = "x-forwarded-for"
    #: The event loop: `asyncio`, `uvloop`, or `auto`, which is uvloop if it is installed.
    loop: str = "auto"
    #: One JSON line per request.
    access_log: bool = False
    #: Serve no pages for browsers: neither the dashboard nor `/docs`.
    no_ui: bool = False
    #: Let the dashboard change nothing, whatever the key may do. It limits the page, not the API.
    read_only_ui: bool = False

    #: Largest request body: Redis keeps the arguments of all waiting jobs in memory.
    max_body: int = 1024 * 1024
    #: Longest header line of a request, and longest URL: a few keys and ids, not data.
    max_header: int = 8192
    #: Largest outcome that is returned.
    max_result: int = 8 * 1024 * 1024
    #: Finished jobs of a queue, and failed ones, that can be listed; more where workers keep more. It counts
    #: for jobs that are aborted before they start.
    index_limit: int = DEFAULT_INDEX_LIMIT
    #: Total size of the large answers that are being sent; one that is sent to many clients counts once.
    max_unsent: int = 128 * 1024 * 1024
    #: Longest wait of a request; longer ones are clamped. Proxies often cut connections off after 60 s.
    max_wait: float = 60.0
    #: Most waits at the same time, all callers together.
    max_waits: int = 2000
    #: Most waits of one key at the same time.
    max_waits_per_key: int = 100
    #: Most event streams at the same time, all callers together. A key may have as many as it may have waits.
    max_streams: int = 1000
    #: How many jobs an operation, such as a bulk retry, acts on at the same time.
    bulk_at_once: int = 50
    #: From the connect, or from the first byte of a request, to the end of its headers.
    header_deadline: float = 10.0
    #: From the end of the headers to the end of the body.
    body_deadline: float = 15.0
    #: An idle connection is closed after this; proxies commonly keep theirs for 60 s.
    keepalive: float = 75.0
    #: A client that does not read its answer is cut off after this.
    write_deadline: float = 30.0
    #: For all calls of one request to Redis, apart from waits.
    redis_deadline: float = 5.0
    #: How long a gateway keeps serving after SIGTERM, while `/readyz` already answers 503.
    drain: float = 3.0
    #: How long open requests may take after that before they are cut off.
    shutdown: float = 5.0

    def __post_init__(self) -> None:
        for name in ("port", "metrics_port"):
            port = getattr(self, name)
            if port is not None and not 0 <= port <= 65535:
                raise GatewayError(f"{name} must be between 0 and 65535, not {port}.")
        for name in ("drain", "max_wait"):
            if not 0 <= getattr(self, name) <= 3600:
                raise GatewayError(f"{name} must be between 0 and 3600 seconds, not {getattr(self, name)}.")
        if not 1 <= self.bulk_at_once <= 1000:
            raise GatewayError(f"bulk_at_once must be between 1 and 1000 jobs, not {self.bulk_at_once}.")
        if not 1024 <= self.max_header <= 1024 * 1024:
            raise GatewayError(f"max_header must be between 1024 and 1048576 bytes, not {self.max_header}.")
        self._check_names()
        try:
            Proxies(self.trusted_proxies)
        except ValueError as error:
            raise GatewayError(f"trusted_proxies: {error}.") from error
        self._check_transport()
        if self.keys_file is not None and self.keys_text is not None:
            raise GatewayError("Give keys_file or keys_text, not both.")
        if not (self.is_local or self.has_keys or self.insecure):
            raise GatewayError(
                f"Without keys the gateway binds loopback only: give --keys FILE for {self.host}, "
                "or --insecure if everybody who can reach it may run jobs."
            )

    def _check_transport(self) -> None:
        if not _BASE_PATH.fullmatch(self.base_path):
            raise GatewayError(
                "base_path must begin with a slash, end without one and have plain names between, such as "
                f"/jobgate, not {self.base_path!r}."
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise GatewayError("TLS needs both a certificate and its key: give --tls-cert and --tls-key.")
        if self.unix_socket is not None and self.tls_cert is not None:
            raise GatewayError("A Unix socket has no TLS: give --unix-socket, or --tls-cert and --tls-key.")
        if not 0 <= self.unix_socket_mode <= 0o777:
            raise GatewayError(f"unix_socket_mode must be between 0 and 777, not {self.unix_socket_mode:o}.")

    def _check_names(self) -> None:
        queue = () if self.default_queue is None else (("default_queue", self.default_queue),)
        names = (("namespace", self.namespace), *queue, *(("queues", name) for name in self.queues))
        hosts = (("allowed_hosts", name) for name in self.allowed_hosts)
        for setting, name in (*names, *hosts):
            if not is_plain_name(name):
                raise GatewayError(f"{setting} must hold names without spaces and commas, not {name!r}.")
        # Their keys in Redis could collide with other keys of the broker.
        wrong = why_not_namespace(self.namespace)
        for name in (self.default_queue, *self.queues):
            wrong = wrong or (why_not_queue(self.namespace, name) if name else None)
        if wrong:
            raise GatewayError(wrong)

    @property
    def has_keys(self) -> bool:
        """Whether callers need API keys."""
        return self.keys_file is not None or self.keys_text is not None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the gateway."""
        return self.unix_socket is not None or self.is_loopback

    @property
    def is_loopback(self) -> bool:
        """Whether the address is loopback."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
