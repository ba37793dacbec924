"""The certificate of the gateway and its key: read at startup, and again whenever the files change.

New handshakes get the new certificate. Connections that are open keep the old one and live on.
"""

import logging
import os
import ssl
import stat
import threading
import time
from pathlib import Path
from typing import Final

from jobgate.gateway.settings import GatewayError

logger = logging.getLogger("jobgate.gateway")

#: Seconds between two checks of the files.
LOOK_EVERY: Final = 1.0
#: Largest file in bytes: a long chain.
_LARGEST: Final = 1024 * 1024
#: Seconds for which files that have just changed are read again at each check: a second change may leave them
#: with the same times.
_SETTLES: Final = 2.0
_MISMATCHES: Final = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}
#: Identifies a state of the files: device, inode, size, times of the last change of content and attributes.
_Stamps = tuple[tuple[int, int, int, int, int], ...]


class CertificateError(GatewayError):
    """The certificate or its key cannot be used: the message names the file and says why."""


class Certificate:
    """A certificate with its chain, and its private key, in PEM form.

    Args:
        certificate: The file with the certificate, followed by those of the authorities that signed it.
        key: The file with the private key, without a password.

    Raises:
        CertificateError: One of them cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        #: What was loaded, and whether the files were older than `_SETTLES` then.
        self._stamps: _Stamps = ()
        self._is_settled = False
        #: What was logged last: a lasting problem is logged once, not at each check.
        self._trouble = ""
        self._current = self._load()
        #: The context to listen with; each handshake continues with the newest certificate.
        self.context = self._current
        # It is called by each handshake, for clients that name no server too.
        self.context.sni_callback = self._choose

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> None:
        if context is not self._current:
            connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        stamps = self._look()
        context = _context(self._certificate, self._key)
        if stamps != self._look():
            raise CertificateError(f"{self._certificate} or {self._key} is in the middle of a save.")
        self._stamps = stamps
        self._is_settled = time.time() - max(stamp[-1] for stamp in stamps) / 1e9 > _SETTLES
        return context

    def _look(self) -> _Stamps:
        return tuple(_stamp(path) for path in (self._certificate, self._key))

    def refresh(self) -> None:
        """Read the files again if they have changed; errors are logged once, not raised."""
        before = self._stamps
        try:
            if self._is_settled and self._look() == before:
                return
            self._current = self._load()
        except CertificateError as error:
            # Also after a file is put back as it was, it is read.
            self._is_settled = False
            self._report(str(error))
            return
        if self._trouble or self._stamps != before:
            logger.info("new connections get the certificate that is in %s now", self._certificate)
        self._trouble = ""

    def reread(self) -> None:
        """Have the next check read the files again, whether they have changed or not."""
        self._is_settled = False

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            logger.error("the certificate cannot be used any more, the previous one stays: %s", trouble)
        self._trouble = trouble

    def watch(self, stop: threading.Event) -> None:
        """Check the files periodically until `stop` is set; to be run in a thread of its own."""
        while not stop.wait(LOOK_EVERY):
            self.refresh()


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    if b"-----BEGIN CERTIFICATE-----" not in _read(certificate):
        raise CertificateError(f"The certificate {certificate} holds no certificate in PEM form.")
    if b"PRIVATE KEY-----" not in _read(key):
        raise CertificateError(f"The key {key} holds no private key in PEM form.")

    def refuse() -> str:
        raise CertificateError(
            f"The key {key} is encrypted, and nobody can type its password here: decrypt it with "
            "`openssl pkey -in FILE -out FILE`, and let only the gateway's user read it."
        )

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except ssl.SSLError as error:
        raise CertificateError(_why_not(error, certificate, key)) from error
    except OSError as error:
        raise CertificateError(f"{certificate} or {key} cannot be read: {error.strerror}.") from error
    return context


def _why_not(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason in _MISMATCHES:
        return f"The key {key} does not belong to the first certificate in {certificate}."
    why = (error.reason or "it is damaged").replace("_", " ").lower()
    return f"The certificate {certificate} and the key {key} cannot be used: {why}."


def _read(path: Path) -> bytes:
    """Read a file; never waits for a pipe or a device in its place."""
    _stamp(path)
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise _unreadable(path, error) from error


def _stamp(path: Path) -> tuple[int, int, int, int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise CertificateError(f"{path} cannot be used for TLS: it is not a regular file.")
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _unreadable(path: Path, error: OSError) -> CertificateError:
    user = f" by user {os.geteuid()}" if isinstance(error, PermissionError) else ""
    return CertificateError(f"{path} cannot be read{user}: {error.strerror}.")
