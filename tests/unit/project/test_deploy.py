"""What stands in deploy/: its commands, ports, probes and grace periods are those of the code."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from jobgate.cli.main import main
from jobgate.gateway import GatewaySettings
from jobgate.gateway.routes import ROUTES

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = {
    document["metadata"]["name"] + "/" + document["kind"]: document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
}
PODS = {
    name: manifest["spec"]["template"]["spec"]
    for name, manifest in MANIFESTS.items()
    if manifest["kind"] == "Deployment"
}


def unit(path: Path) -> dict[str, str]:
    """Return the settings of a systemd unit; each is set once."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] not in "#["]
    return dict(line.split("=", 1) for line in lines)


def commands() -> Iterator[Any]:
    for path in UNITS:
        program, *words = shlex.split(unit(path)["ExecStart"])
        assert program == "/opt/jobgate/bin/jobgate"
        yield pytest.param(words, id=path.stem)
    for name, pod in PODS.items():
        yield pytest.param(container(pod)["args"], id=name)


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


def parsed(words: list[str]) -> dict[str, Any]:
    """Return what the command takes these words for."""
    name, *rest = words
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command.make_context(name, rest).params


@pytest.mark.parametrize("words", [*commands()])
def test_the_commands_are_understood(words: list[str]) -> None:
    assert parsed(words)


def test_the_gateways_grace_is_longer_than_its_shutdown() -> None:
    defaults = GatewaySettings()
    (gateway,) = (path for path in UNITS if "gateway" in path.stem)
    assert float(unit(gateway)["TimeoutStopSec"]) > defaults.drain + defaults.shutdown
    pod = PODS["jobgate-gateway/Deployment"]
    drain = parsed(container(pod)["args"])["drain"]
    assert pod["terminationGracePeriodSeconds"] > drain + defaults.shutdown


def test_one_signal_reaches_the_workers() -> None:
    (worker,) = (path for path in UNITS if "worker" in path.stem)
    assert unit(worker)["KillMode"] == "mixed"


@pytest.mark.parametrize("name", PODS)
def test_probes_ask_what_is_served(name: str) -> None:
    main_container = container(PODS[name])
    ports = {port["name"]: port["containerPort"] for port in main_container["ports"]}
    paths = {route.path for route in ROUTES}
    for probe in (main_container.get(each) for each in ("livenessProbe", "readinessProbe")):
        if probe is not None:
            assert probe["httpGet"]["path"] in paths
            assert ports[probe["httpGet"]["port"]] == 8080
    assert main_container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_the_service_leads_to_the_gateway() -> None:
    service, gateway = MANIFESTS["jobgate/Service"], MANIFESTS["jobgate-gateway/Deployment"]
    assert service["spec"]["selector"] == gateway["spec"]["selector"]["matchLabels"]
    assert service["spec"]["ports"][0]["targetPort"] in {
        port["name"] for port in container(PODS["jobgate-gateway/Deployment"])["ports"]
    }


def test_the_page_names_the_secrets_that_the_manifests_want() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    for secret in ("jobgate-redis", "jobgate-keys"):
        assert f"kubectl create secret generic {secret} " in page
        assert secret in (DEPLOY / "kubernetes" / "gateway.yaml").read_text()
