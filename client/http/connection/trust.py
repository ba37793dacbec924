"""Why there is no trusted connection: what is wrong with a certificate, a handshake or a proxy."""

from typing import Final

import aiohttp

from jobgate.client.errors import GatewayUnavailable, JobgateError, UnexpectedAnswer, UntrustedGateway

#: OpenSSL's reasons for an answer that is not TLS at all.
_NO_TLS: Final = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
#: OpenSSL's numbers of what is wrong with a certificate -> what to do.
_TODO: Final = {
    9: "check the clock of this machine",  # it is not valid yet
    10: "renew it at the gateway, or check the clock of this machine",  # it has expired
    62: "use a name for which it is valid in the client's URL",
    64: "use an address for which it is valid in the client's URL",
}
_PROXY_WANTS_USER: Final = 407
_TRANSIENT: Final = 500


def lasting_error(url: str, error: Exception) -> JobgateError | None:
    """Return the error to raise at once, because no retry helps; None = one may."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _untrusted(url, error.certificate_error)
    if isinstance(error, aiohttp.ClientSSLError) and _reason(error) in _NO_TLS:
        return UnexpectedAnswer(
            f"The server at {url} does not speak TLS: use http:// if the gateway has no certificate."
        )
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status < _TRANSIENT:
        todo = "give it as proxy='http://user:password@…'"
        if error.status != _PROXY_WANTS_USER:
            todo = "check `proxy`, and whether it may connect to the gateway's host and port"
        return UnexpectedAnswer(f"The proxy refuses to connect to {url} (status {error.status}): {todo}.")
    return None


def _untrusted(url: str, error: Exception) -> UntrustedGateway:
    code = getattr(error, "verify_code", 0)
    what = getattr(error, "verify_message", "").lower() or str(error)
    todo = _TODO.get(code, "pass the CA that signed it, Client(url, ca_file=…), or set SSL_CERT_FILE")
    return UntrustedGateway(f"The certificate of {url} is not trusted ({what}): {todo}.")


def no_handshake(url: str, error: aiohttp.ClientSSLError) -> GatewayUnavailable:
    """Return the error for a TLS handshake that failed in the middle."""
    why = _reason(error).replace("_", " ").lower()
    return GatewayUnavailable(
        f"There is no TLS connection to {url} ({why}): check that a gateway runs there."
    )


def _reason(error: aiohttp.ClientSSLError) -> str:
    return getattr(error.os_error, "reason", None) or str(error.os_error)
