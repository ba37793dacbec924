"""The locks cover what pyproject.toml asks for, with hashes and without naming where they came from."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmarks.peers import PACKAGES
from harness.arq.versions import ARQ_VERSIONS

ROOT = Path(__file__).resolve().parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
GROUPS = PYPROJECT["dependency-groups"]
LOCKS = ("build", "dev", "image")
PEER_LOCKS = tuple(f"peer-{peer}" for peer in PACKAGES if peer not in ("jobgate", "arq"))
ARQ_LOCKS = tuple(f"arq-{version}" for version in ARQ_VERSIONS)


def locked(name: str) -> dict[str, Version]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^\s;\\]+)", text, re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in pins}


def asked_for(name: str) -> Iterable[str]:
    if name == "build":
        return [*GROUPS["build"]]
    if name == "image":
        return [*PROJECT["dependencies"], *EXTRAS["gateway"], *EXTRAS["worker"], *EXTRAS["msgpack"]]
    extras = [one for extra, several in EXTRAS.items() if extra != "all" for one in several]
    groups = [one for one in GROUPS["dev"] if isinstance(one, str)]
    return [*PROJECT["dependencies"], *extras, *groups, *GROUPS["build"]]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_satisfies_pyproject(name: str) -> None:
    pins = locked(name)
    for line in asked_for(name):
        requirement = Requirement(line)
        if requirement.name == "jobgate":  # other extras of ours
            continue
        version = pins.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in requirements/{name}.txt: run `make lock`"
        assert version in requirement.specifier, f"{requirement} against {version}: run `make lock`"


@pytest.mark.parametrize("version", ARQ_VERSIONS)
def test_each_lock_of_arq_is_of_that_version(version: str) -> None:
    assert locked(f"arq-{version}")["arq"] == Version(version)


def test_the_oldest_arq_runs_with_the_redis_client_of_its_time() -> None:
    assert locked("arq-0.26.0")["redis"] < Version("5")


@pytest.mark.parametrize("name", PEER_LOCKS)
def test_each_lock_of_a_peer_has_the_packages_whose_versions_are_reported(name: str) -> None:
    assert set(PACKAGES[name.removeprefix("peer-")]) <= set(locked(name))


@pytest.mark.parametrize("name", LOCKS + ARQ_LOCKS + PEER_LOCKS)
def test_every_pin_has_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert pins
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("name", LOCKS + ARQ_LOCKS + PEER_LOCKS)
def test_locks_name_no_host(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize("name", ["build", "image"])
def test_locks_agree_with_each_other(name: str) -> None:
    dev = locked("dev")
    assert {
        package: version for package, version in locked(name).items() if dev.get(package) != version
    } == {}


def test_all_is_every_other_extra_that_serves_production() -> None:
    (everything,) = map(Requirement, EXTRAS["all"])
    assert everything.name == "jobgate"
    assert everything.extras == set(EXTRAS) - {"all", "testing"}
