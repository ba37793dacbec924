"""The Dockerfile's steps, followed in order in a clean folder: no container engine is needed.

Both stages have the same root folder, one after the other, so that absolute paths inside a virtual
environment stay true when it is copied from the first stage into the second.

In the short form uv does what the steps leave to pip, from its cache and without compiling: that is a fifth
of the work. The long form follows the steps to the letter.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from harness.forms import LONG
from harness.processes.commands import Processes
from harness.tools import free_port
from jobgate.cli.commands.operate.health import DEFAULT_URL
from jobgate.gateway import GatewaySettings

pytestmark = pytest.mark.early

ROOT = Path(__file__).resolve().parents[3]
#: Top folders that the Dockerfile uses; a step that names another absolute path is refused here.
OURS = ("app", "dist", "opt", "src", "tools")
#: Commands of pip -> what does the same in the short form.
UV = f"{sys.executable} -m uv"
QUICK = {
    r"python -m venv (?=/tools)": "python -m venv --without-pip ",
    r"\S+/python -m pip --python (\S+) install": rf"{UV} pip install --python \1",
    r"(\S+/python) -m pip install": rf"{UV} pip install --python \1",
    r"(\S+/python) -m pip wheel --no-deps --no-build-isolation --wheel-dir (\S+)": (
        rf"{UV} build --wheel --no-build-isolation --python \1 --out-dir \2"
    ),
}
#: What is installed and not compiled compiles itself when it is first used, or at every start with this set.
COMPILING = {"PYTHONDONTWRITEBYTECODE": ""}


@dataclass
class Stage:
    """What one FROM begins."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def only(self, instruction: str) -> str:
        (words,) = [words for kind, words in self.steps if kind == instruction]
        return words

    def environment(self) -> dict[str, str]:
        pairs = [pair for kind, words in self.steps if kind == "ENV" for pair in shlex.split(words)]
        return dict(pair.split("=", 1) for pair in pairs)


def parse(text: str) -> list[Stage]:
    stages: list[Stage] = []
    lines = [
        line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")
    ]
    for line in lines:
        kind, words = line.split(None, 1)
        if kind == "FROM":
            stages.append(Stage(name=words.split(" AS ")[1] if " AS " in words else ""))
        elif stages:
            stages[-1].steps.append((kind, words))
    return stages


BUILD, FINAL = parse((ROOT / "Dockerfile").read_text())


class Follower:
    """Follows the steps of a stage below a folder of its own."""

    def __init__(self, root: Path, earlier: dict[str, Path]) -> None:
        self.root = root
        self.earlier = earlier
        self.workdir = root
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nowhere",
            "UV_CACHE_DIR": uv("cache", "dir"),
            "UV_SYSTEM_CERTS": "1",  # as pip
        }

    def follow(self, stage: Stage) -> None:
        for kind, words in stage.steps:
            if kind == "WORKDIR":
                self.workdir = self.below(words)
                self.workdir.mkdir(parents=True, exist_ok=True)
            elif kind == "ENV":
                self.environment.update(Stage("", [(kind, words)]).environment())
            elif kind == "COPY":
                self.copy(*shlex.split(words))
            elif kind == "RUN":
                self.run(words)

    def below(self, path: str) -> Path:
        return self.root / path.lstrip("/") if path.startswith("/") else self.workdir / path

    def copy(self, *words: str) -> None:
        origin = ROOT
        if words[0].startswith("--from="):
            origin = self.earlier[words[0].removeprefix("--from=")]
            words = words[1:]
        *sources, target = words
        for source in sources:
            found = origin / source.lstrip("/")
            place = self.below(target)
            if found.is_dir():
                shutil.copytree(found, place, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, place)

    def run(self, command: str) -> None:
        named = set(re.findall(r"(?<![\w.])/(\w+)", re.sub(r"[\w*.]+/\S*", "", command)))
        assert named <= set(OURS), f"RUN {command}: only {OURS} are followed"
        quick = command if LONG else quickly(command)
        below = re.sub(rf"(?<![\w./])/(?={'|'.join(OURS)})", f"{self.root}/", quick)
        done = subprocess.run(
            ["sh", "-euc", below],
            cwd=self.workdir,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {command}\n{done.stdout}\n{done.stderr}"


def uv(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "uv", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def quickly(command: str) -> str:
    """The same command with uv in place of pip."""
    for pip, instead in QUICK.items():
        command = re.sub(pip, instead, command)
    assert "-m pip " not in command, f"{command}: the short form does not know this"
    return command


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds what the final image holds, besides the base image."""
    folder = tmp_path_factory.mktemp("image")
    root = folder / "root"
    Follower(root, {}).follow(BUILD)
    root.rename(folder / "build")
    Follower(root, {BUILD.name: folder / "build"}).follow(FINAL)
    return root


@pytest.mark.timeout(240)
def test_image_holds_a_gateway_that_passes_its_health_check(
    image: Path, processes: Processes, redis_url: str
) -> None:
    program = f"{image}/opt/jobgate/bin/{json.loads(FINAL.only('ENTRYPOINT'))[0]}"
    version = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False, env={}, cwd=image
    )
    assert version.stdout.startswith("jobgate 0."), version.stderr

    port = free_port()
    words = ("gateway", "--redis", redis_url, "--port", str(port))
    gateway = processes.start(*words, program=program, cwd=image / "app", env=COMPILING)
    gateway.url = f"http://127.0.0.1:{port}"
    gateway.wait_for_http()

    assert is_healthy(image, port)
    assert gateway.terminate() == 0
    assert not is_healthy(image, port)


@pytest.mark.timeout(240)
def test_image_holds_a_worker_that_passes_the_same_health_check(
    image: Path, processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "my_jobs.py").write_text(
        "async def f(ctx): ...\n\n\nclass WorkerSettings:\n    functions = [f]\n"
    )
    port = free_port()
    # As the image sets it, but for the number: others on this machine use 8080 too.
    environment = {name: value.replace("8080", str(port)) for name, value in FINAL.environment().items()}
    environment |= COMPILING
    del environment["PATH"]
    program = f"{image}/opt/jobgate/bin/jobgate"
    words = ("worker", "my_jobs.WorkerSettings", "--redis", redis_url)
    worker = processes.start(*words, program=program, cwd=tmp_path, env=environment)
    worker.url = f"http://127.0.0.1:{port}"
    worker.wait_for_http()
    assert is_healthy(image, port)
    assert worker.terminate() == 0
    assert not is_healthy(image, port)


def test_both_programs_answer_where_the_health_check_asks() -> None:
    port = urlsplit(DEFAULT_URL).port
    assert str(port) == FINAL.environment()["JOBGATE_WORKER_METRICS_PORT"] == FINAL.only("EXPOSE")
    assert port == GatewaySettings().port
    assert "JOBGATE_HEALTH_URL" not in FINAL.environment()


def is_healthy(image: Path, port: int) -> bool:
    """What the image's health check says of a program on this port."""
    _, check = FINAL.only("HEALTHCHECK").split(" CMD ")
    program, *arguments = json.loads(check)
    done = subprocess.run(
        [f"{image}/opt/jobgate/bin/{program}", *arguments],
        env={"JOBGATE_HEALTH_URL": DEFAULT_URL.replace(":8080", f":{port}")},
        check=False,
        capture_output=True,
    )
    assert b"Traceback" not in done.stderr
    return done.returncode == 0


@pytest.mark.timeout(240)
def test_image_holds_no_installer_and_no_sources(image: Path) -> None:
    programs = {path.name for path in (image / "opt" / "jobgate" / "bin").iterdir()}
    assert not [name for name in programs if name.startswith(("pip", "uv-", "setuptools"))]
    (packages,) = (image / "opt" / "jobgate" / "lib").glob("python3*/site-packages")
    assert not {"pip", "setuptools", "pytest"} & {path.name for path in packages.iterdir()}
    assert {path.name for path in image.iterdir()} == {"app", "opt"}


def test_final_stage_runs_nothing_and_has_no_rights() -> None:
    assert [words for kind, words in FINAL.steps if kind == "RUN"] == []
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", FINAL.only("USER"))


def test_every_package_is_locked() -> None:
    installs = [
        words
        for kind, words in BUILD.steps
        if kind == "RUN" and re.search(r"pip\b.*\b(install|wheel)\b", words)
    ]
    assert installs
    assert [words for words in installs if "--require-hashes" not in words and "--no-deps" not in words] == []


def test_what_is_copied_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [words.split()[:-1] for kind, words in BUILD.steps if kind == "COPY"]
    assert {source.split("/")[0] for sources in copied for source in sources} == kept


def test_compose_file_runs_real_commands() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    assert services["gateway"]["command"][0] == "gateway"
    assert services["worker"]["command"][0] == "worker"
    assert services["worker"]["image"] == services["gateway"]["image"]
    # Both answer where the image's health check asks.
    for service in (services["gateway"], services["worker"]):
        assert not {"--port", "--metrics-port"} & set(service["command"])
        assert not any("PORT" in name or "HEALTH" in name for name in service.get("environment", {}))


def own_image() -> list[tuple[str, str]]:
    """The steps of the user's own Dockerfile that the documentation shows."""
    text = (ROOT / "docs" / "deployment.md").read_text()
    (stage,) = parse(text.partition("```dockerfile\n")[2].partition("```")[0])
    return stage.steps


def wheel(folder: Path) -> str:
    """Make a package of a user's own, and return its file's name."""
    name, info = "shop_tools-1.0-py3-none-any.whl", "shop_tools-1.0.dist-info"
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("shop_tools.py", "def greet(name):\n    return f'hello {name}'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: shop-tools\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return name


@pytest.mark.timeout(240)
def test_a_users_own_image_adds_packages_and_functions(
    image: Path, processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    root = tmp_path / "own"
    shutil.copytree(image, root, symlinks=True)
    for script in (root / "opt" / "jobgate" / "bin").iterdir():
        if not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            script.write_text(script.read_text().replace(str(image), str(root)))
    context = tmp_path / "context"
    context.mkdir()
    (context / "requirements.txt").write_text(f"{context / wheel(context)}\n")
    (context / "my_jobs.py").write_text(
        "import shop_tools\n\nasync def greet(ctx, name):\n    return shop_tools.greet(name)\n\n"
        "class WorkerSettings:\n    functions = [greet]\n"
    )
    of_image = {name: value.replace("/opt/", f"{root}/opt/") for name, value in FINAL.environment().items()}
    port = free_port()
    of_image["JOBGATE_WORKER_METRICS_PORT"] = str(port)
    # The Python image's pip stands for itself: it is of another environment than jobgate's.
    of_image["PATH"] = f"{root}/opt/jobgate/bin:{Path(sys.executable).parent}:/usr/bin:/bin"
    for kind, words in own_image():
        if kind == "RUN":
            done = subprocess.run(
                ["sh", "-euc", words],
                cwd=root / "app",
                env=of_image,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        elif kind == "COPY":
            shutil.copy2(context / words.split()[0], root / "app")
    users = [words for kind, words in own_image() if kind == "USER"]
    assert users == ["root", FINAL.only("USER")]

    command = json.loads(next(words for kind, words in own_image() if kind == "CMD"))
    program = f"{root}/opt/jobgate/bin/jobgate"
    worker = processes.start(*command, "--redis", redis_url, program=program, cwd=root / "app", env=of_image)
    # As others reach it: not on loopback's own address.
    worker.url = f"http://127.0.0.2:{port}"
    worker.wait_for_http()
    with urllib.request.urlopen(f"{worker.url}/metrics") as answer:
        assert answer.status == 200
    gateway = processes.gateway(redis_url)
    asked = urllib.request.Request(f"{gateway.url}/jobs/greet?wait=20", b'{"args": ["you"]}', method="POST")
    asked.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert json.loads(answer.read())["result"] == "hello you"
    assert worker.terminate() == 0
