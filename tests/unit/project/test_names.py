"""Names that make keys of something else are refused wherever they come in, with the same sentence."""

from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from jobgate.arq import ArqRedis
from jobgate.cli.main import main
from jobgate.client import Client, InvalidOption
from jobgate.gateway import GatewayError, GatewaySettings
from jobgate.worker import cron
from jobgate.worker.errors import SettingsError
from jobgate.worker.settings import Settings

REFUSED = "cannot be used: its key"


async def work(ctx: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    "settings",
    [
        {"queue_name": "arq:job"},
        {"queues": ["emails", "arq:retry"]},
        {"queues": {"q:wake": 2}},
        {"namespace": "arq:job"},
        {"namespace": "shop", "queue_name": "shop:result:x"},
        {"redis_pool": ArqRedis(default_queue_name="arq:job")},
        {"health_check_key": "arq:job:a"},
        {"health_check_key": "q:wake"},
        {"health_check_key": "q:progress:a"},
    ],
    ids=" ".join,
)
def test_a_worker_is_refused_them(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=REFUSED):
        Settings.of({"functions": [work], **settings})


@pytest.mark.parametrize(
    "settings",
    [{"health_check_key": "arq:queue"}, {"health_check_key": "mail", "queues": ["fax", "mail"]}],
    ids=str,
)
def test_a_health_line_is_not_a_queue(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="is a queue: choose another"):
        Settings.of({"functions": [work], **settings})


@pytest.mark.parametrize("key", ["arq:queue:health-check", "my-health", "arq:health-check", "app:alive"])
def test_usual_health_lines_are_taken(key: str) -> None:
    assert Settings.of({"functions": [work], "health_check_key": key}).health_check_key == key


@pytest.mark.parametrize("job_id", [".", ".."])
def test_a_cron_job_is_refused_an_id_that_no_url_can_hold(job_id: str) -> None:
    with pytest.raises(SettingsError, match="cannot be part of a URL"):
        Settings.of({"cron_jobs": [cron(work, minute=0, job_id=job_id)]})
    any_other = Settings.of({"cron_jobs": [cron(work, minute=0, job_id="x:wake/..")]})
    assert any_other.cron_jobs[0].job_id == "x:wake/.."


@pytest.mark.parametrize(
    "settings",
    [
        {"namespace": "arq:job"},
        {"default_queue": "arq:job"},
        {"queues": ("mail", "arq:queue:wake")},
        {"namespace": "shop", "default_queue": "shop:retry"},
    ],
    ids=str,
)
def test_a_gateway_is_refused_them(settings: dict[str, Any]) -> None:
    with pytest.raises(GatewayError, match=REFUSED):
        GatewaySettings(**settings)


async def test_clients_are_refused_such_namespaces() -> None:
    with pytest.raises(InvalidOption, match=REFUSED):
        Client("redis://127.0.0.1:1", namespace="arq:job", registry=CollectorRegistry())
    with pytest.raises(InvalidOption, match=REFUSED):
        ArqRedis(namespace="arq:job")


SETTINGS = "harness.functions.client_worker.WorkerSettings"


@pytest.mark.parametrize(
    ("argv", "variables"),
    [
        (["worker", SETTINGS, "--queue", "arq:job=3"], {}),
        (["worker", SETTINGS], {"JOBGATE_QUEUE": "mail,arq:job"}),
        (["worker", SETTINGS, "--namespace", "arq:job"], {}),
        (["check", SETTINGS, "--queue", "arq:job"], {}),
        (["gateway", "--queue", "arq:job"], {}),
        (["gateway", "--default-queue", "arq:job"], {}),
        (["gateway"], {"JOBGATE_NAMESPACE": "arq:job"}),
        (["gateway"], {"JOBGATE_QUEUE": "arq:job"}),
        (["queue", "pause", "arq:job"], {}),
        (["queue", "list", "mail"], {"JOBGATE_NAMESPACE": "arq:job"}),
    ],
    ids=str,
)
def test_commands_refuse_them(argv: list[str], variables: dict[str, str]) -> None:
    done = CliRunner().invoke(main, argv, env={"JOBGATE_REDIS_URL": "redis://127.0.0.1:1", **variables})
    assert done.exit_code != 0
    assert REFUSED in " ".join(done.output.split())
