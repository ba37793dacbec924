"""Requests that ask a gateway or worker whether it is alive: by TCP or Unix socket, with CAs of one's own."""

import http.client
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

#: Scheme of the URL of a Unix socket, whose path is percent-encoded in the place of the host.
UNIX: Final = "http+unix"
#: OpenSSL's numbers of errors that trusting a CA does not solve: wrong times, names and addresses.
_NOT_BY_CA: Final = {9, 10, 62, 64}
SCHEMES: Final = frozenset({"http", "https", UNIX})


class AccessError(Exception):
    """A file with CAs cannot be used: the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpAccess:
    """How requests get to their server, without a proxy."""

    #: The CAs that are trusted; None = the system's.
    ca_file: Path | None = None
    #: Whether a certificate must be trusted at all.
    verifies: bool = True

    def opener(self, url: str) -> tuple[urllib.request.OpenerDirector, str]:
        """Return an opener for requests to a server, and the URL that it has to open.

        Raises:
            AccessError: The file with CAs cannot be used.
        """
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        parts = urlsplit(url)
        if parts.scheme == UNIX:
            handlers.append(_UnixHandler(unquote(parts.netloc)))
            url = parts._replace(scheme="http", netloc="localhost").geturl()
        elif parts.scheme == "https":
            handlers.append(urllib.request.HTTPSHandler(context=self._context()))
        return urllib.request.build_opener(*handlers), url

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            why = (
                "it holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            )
            raise AccessError(f"{self.ca_file} cannot be used: {why}.") from None
        if not self.verifies:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _UnixHandler(urllib.request.HTTPHandler):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        path = self._path

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.settimeout(self.timeout)
                self.sock.connect(path)

        return self.do_open(Connection, req)


def why_no_answer(error: Exception) -> str:
    """Return in a few words why a request had no answer."""
    reason = getattr(error, "reason", error)  # of a URLError
    if isinstance(reason, ssl.SSLCertVerificationError):
        todo = "" if reason.verify_code in _NOT_BY_CA else "; --ca-file names the CA that signed it"
        return f"its certificate is not trusted ({reason.verify_message}){todo}"
    if isinstance(reason, ssl.SSLError) and reason.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return "it does not speak TLS: use http://"
    return str(getattr(reason, "strerror", None) or reason)
