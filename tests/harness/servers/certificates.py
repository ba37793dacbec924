"""Certificates for tests, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.tools import require_tool


@dataclass(frozen=True)
class Pair:
    """A self-signed certificate for localhost and 127.0.0.1, and its key."""

    certificate: Path
    key: Path

    def put_at(self, other: "Pair") -> None:
        """Replace another pair's files, as a renewal does: each at once, one after the other."""
        for here, there in ((self.certificate, other.certificate), (self.key, other.key)):
            new = there.with_suffix(".new")
            new.write_bytes(here.read_bytes())
            new.replace(there)


def make_pair(
    folder: Path, name: str, *, names: str = "DNS:localhost,IP:127.0.0.1", password: str = ""
) -> Pair:
    """Make a certificate whose subject has a name."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "30"]
    words += ["-passout", f"pass:{password}"] if password else ["-nodes"]
    words += ["-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"]
    words += ["-keyout", str(pair.key), "-out", str(pair.certificate)]
    subprocess.run([require_tool("openssl"), *words], check=True, capture_output=True)
    return pair
