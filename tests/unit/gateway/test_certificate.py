"""The certificate of the gateway: what is refused at startup, and what keeps the previous one."""

import logging
import os
import ssl
import subprocess
from pathlib import Path

import pytest

from harness.servers.certificates import Pair, make_pair
from harness.tools import require_tool
from jobgate.gateway import GatewayError, GatewaySettings
from jobgate.gateway.listening import Certificate


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    """Two pairs that are never changed."""
    folder = tmp_path_factory.mktemp("certificates")
    return make_pair(folder, "first"), make_pair(folder, "second")


@pytest.fixture
def pair(made: tuple[Pair, Pair], tmp_path: Path) -> Pair:
    """The files of a gateway, with the first pair."""
    files = Pair(tmp_path / "live.pem", tmp_path / "live.key")
    made[0].put_at(files)
    return files


def subject(certificate: Certificate) -> str:
    """Return the name in the certificate that a client is shown, without a socket."""
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = certificate.context.wrap_bio(ours, theirs, server_side=True)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    client = trusting.wrap_bio(theirs, ours)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    words = [require_tool("openssl"), "x509", "-inform", "DER", "-noout", "-subject"]
    done = subprocess.run(words, input=shown, capture_output=True, check=True)
    return done.stdout.decode().strip().rpartition("=")[2].strip()


def test_the_context_is_strict(pair: Pair) -> None:
    context = Certificate(pair.certificate, pair.key).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode is ssl.CERT_NONE


def test_a_new_pair_is_used(pair: Pair, made: tuple[Pair, Pair], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    certificate = Certificate(pair.certificate, pair.key)
    certificate.refresh()
    assert not caplog.records
    assert subject(certificate) == "first"
    made[1].put_at(pair)
    certificate.refresh()
    assert subject(certificate) == "second"
    certificate.refresh()
    assert [record.message for record in caplog.records] == [
        f"new connections get the certificate that is in {pair.certificate} now"
    ]


def test_a_folder_of_links_may_change_as_a_secret_of_kubernetes_does(
    made: tuple[Pair, Pair], tmp_path: Path
) -> None:
    for name, pair in zip(("old", "new"), made, strict=True):
        (tmp_path / name).mkdir()
        pair.put_at(Pair(tmp_path / name / "tls.crt", tmp_path / name / "tls.key"))
    (tmp_path / "data").symlink_to("old")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"data/{name}")
    certificate = Certificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    assert subject(certificate) == "first"
    (tmp_path / "data.new").symlink_to("new")
    (tmp_path / "data.new").replace(tmp_path / "data")
    certificate.refresh()
    assert subject(certificate) == "second"


def test_files_that_rest_are_not_read_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobgate.gateway.listening.certificate._SETTLES", -60.0)
    certificate = Certificate(pair.certificate, pair.key)
    monkeypatch.setattr("jobgate.gateway.listening.certificate._context", None)
    certificate.refresh()


@pytest.mark.parametrize("spoil", ["mismatch", "half", "empty", "gone", "folder", "encrypted"])
def test_a_bad_pair_keeps_the_one_before(
    spoil: str, pair: Pair, made: tuple[Pair, Pair], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    certificate = Certificate(pair.certificate, pair.key)
    match spoil:
        case "mismatch":
            pair.certificate.write_bytes(made[1].certificate.read_bytes())
        case "half":
            pair.certificate.write_bytes(made[1].certificate.read_bytes()[:200])
        case "empty":
            pair.key.write_bytes(b"")
        case "gone":
            pair.key.unlink()
        case "folder":
            pair.key.unlink()
            pair.key.mkdir()
        case "encrypted":
            make_pair(tmp_path, "third", password="secret").put_at(pair)
    for _ in range(3):
        certificate.refresh()
    assert subject(certificate) == "first"
    assert [record.levelname for record in caplog.records] == ["ERROR"], "once"
    if pair.key.is_dir():
        pair.key.rmdir()
    made[1].put_at(pair)
    certificate.refresh()
    assert subject(certificate) == "second"
    assert caplog.records[-1].levelname == "INFO"


def test_what_cannot_be_used_is_said(pair: Pair, made: tuple[Pair, Pair], tmp_path: Path) -> None:
    encrypted = make_pair(tmp_path, "encrypted", password="secret")
    text, pipe, damaged = tmp_path / "text", tmp_path / "pipe", tmp_path / "damaged"
    text.write_text("hello")
    os.mkfifo(pipe)
    damaged.write_bytes(pair.certificate.read_bytes()[:200])
    for certificate, key, message in (
        (tmp_path / "none.pem", pair.key, "none.pem cannot be read: No such file or directory."),
        (pair.certificate, tmp_path / "none.key", "none.key cannot be read: No such file"),
        (text, pair.key, "text holds no certificate in PEM form."),
        (pair.certificate, text, "text holds no private key in PEM form."),
        (pair.key, pair.certificate, "holds no certificate in PEM form."),
        (pair.certificate, pipe, "pipe cannot be used for TLS: it is not a regular file."),
        (damaged, pair.key, "damaged and the key"),
        (pair.certificate, made[1].key, "does not belong to the first certificate in"),
        (encrypted.certificate, encrypted.key, "is encrypted, and nobody can type its password here"),
    ):
        with pytest.raises(GatewayError, match=message):
            Certificate(certificate, key)


def test_settings_name_both_files_or_none(pair: Pair) -> None:
    for certificate, key in ((pair.certificate, None), (None, pair.key)):
        with pytest.raises(GatewayError, match="both a certificate and its key"):
            GatewaySettings(tls_cert=certificate, tls_key=key)
    with pytest.raises(GatewayError, match="A Unix socket has no TLS"):
        GatewaySettings(tls_cert=pair.certificate, tls_key=pair.key, unix_socket=Path("x"))
