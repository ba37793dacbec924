"""Where a command finds its gateway, what it says of errors, and its exit codes."""

import inspect
import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harness.processes.commands import REPOSITORY
from jobgate import client
from jobgate.cli.main import main
from jobgate.cli.remote import Connection, ExitCode, connection_of, exit_code_of, for_each, message_of

KEYS = {"JOBGATE_KEY": "jg_variable"}
FILE = """
url = "http://top"
key = "jg_top"
[prod]
url = "https://prod"
key = "jg_prod"
ca_file = "prod.pem"
request_timeout = "1m"
[cache]
url = "redis://cache"
serializer = "msgpack"
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    (tmp_path / "own" / "jobgate").mkdir(parents=True)
    (tmp_path / "own" / "jobgate" / "config.toml").write_text(
        'url = "http://own"\n[own]\nurl = "http://mine"\n'
    )
    (tmp_path / "jobgate.toml").write_text(FILE)


def connection(*words: str, **environment: str) -> Connection:
    with pytest.MonkeyPatch.context() as variables:
        for name, value in environment.items():
            variables.setenv(name, value)
        command = main.get_command(click.Context(main), "status")
        assert command is not None
        return connection_of(command.make_context("status", ["id", *words]))


def place(*words: str, **environment: str) -> tuple[str, str | None]:
    found = connection(*words, **environment)
    return found.url, found.key


def test_the_command_line_precedes_variables_which_precede_files(tmp_path: Path) -> None:
    assert place() == ("http://top", "jg_top")
    assert place(JOBGATE_URL="http://variable", **KEYS) == ("http://variable", "jg_variable")
    assert place("--url", "http://line", JOBGATE_URL="http://variable", **KEYS) == (
        "http://line",
        "jg_variable",
    )
    (tmp_path / "jobgate.toml").unlink()
    assert place() == ("http://own", None)
    (tmp_path / "own" / "jobgate" / "config.toml").unlink()
    assert place() == ("http://127.0.0.1:8080", None)


def test_a_profile_on_the_command_line_precedes_variables() -> None:
    assert place("--profile", "prod", JOBGATE_URL="http://variable", **KEYS) == ("https://prod", "jg_prod")
    assert place(JOBGATE_PROFILE="prod", JOBGATE_URL="http://variable") == ("http://variable", None)
    assert place("--profile", "own", **KEYS) == ("http://mine", "jg_variable")


def test_a_key_of_a_file_goes_to_its_own_url_alone() -> None:
    assert place("--url", "http://elsewhere") == ("http://elsewhere", None)
    assert connection("--url", "http://elsewhere", "--profile", "prod").ca_file is None
    assert place("--url", "http://top") == ("http://top", "jg_top")


def test_what_is_set_for_other_programs_does_no_harm() -> None:
    redis = connection("--profile", "cache", JOBGATE_PROXY="http://proxy", **KEYS)
    assert (redis.key, redis.proxy, redis.serializer) == (None, None, "msgpack")
    assert connection(JOBGATE_NAMESPACE="x", JOBGATE_SERIALIZER="pickle").namespace is None


def test_the_commands_that_are_suggested_have_no_secrets() -> None:
    words = [
        "--url",
        "https://user:pass@host",
        "--key",
        "jg_line",
        "--ca-file",
        "a b",
        "--proxy",
        "http://u:p@q",
    ]
    found = connection(*words)
    assert found.again == " --url 'https://…@host' --key KEY --ca-file 'a b' --proxy 'http://…@q'"
    assert found.shown == "https://…@host"
    assert "jg_line" not in repr(found)
    assert connection("--profile", "prod").again == " --profile prod"
    assert connection(**KEYS).again == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("url = 7", "jobgate.toml: url must be a text in quotes."),
        ("[prod]\nkeys = 'a'", "jobgate.toml: 'keys' is not a setting, did you mean 'key'?"),
        ("[prods]\nurl = 'a'", "there is no profile [prod] in jobgate.toml or "),
        ("[prods]\nurl = 'a'", "did you mean 'prods'?"),
        ("prod", "jobgate.toml is not valid TOML: "),
        ("[prod]\nrequest_timeout = 'soon'", "give a duration like 15s"),
        ("\udcff", "jobgate.toml is not in UTF-8."),
        ("a = " + "[" * 100_000, "jobgate.toml is nested too deeply."),
        ("\ufeff[prods]\nurl = 'a'", "did you mean 'prods'?"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "jobgate.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(click.ClickException) as caught:
        connection(*([] if text.startswith("url") else ["--profile", "prod"]))
    assert says in caught.value.message
    assert caught.value.exit_code == ExitCode.WRONG_USE


@pytest.mark.parametrize("name", ["~nobody-of-this-name/ca.pem", "\0"])
def test_a_file_of_certificates_that_no_file_can_be(name: str, tmp_path: Path) -> None:
    (tmp_path / "jobgate.toml").write_text(f"url = 'https://a'\nca_file = {json.dumps(name)}")
    with pytest.raises(client.InvalidOption, match="ca_file"):
        connection().client()


async def test_the_first_job_that_fails_decides_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    async def act(job_id: str) -> int:
        seen.append(job_id)
        if job_id == "unknown":
            raise client.JobNotFound
        return {"late": int(ExitCode.NOT_FINISHED)}.get(job_id, 0)

    connected = connection("--url", "http://localhost:8080")
    assert await for_each(["good", "late", "unknown", "good"], connected, act) == ExitCode.NOT_FINISHED
    assert seen == ["good", "late", "unknown", "good"]
    assert "Error: " in capsys.readouterr().err
    assert await for_each(["unknown", "late"], connected, act) == ExitCode.REFUSED


def test_an_address_without_a_scheme_is_not_guessed() -> None:
    with pytest.raises(click.ClickException, match=r"did you mean http://localhost:8080\?"):
        connection("--url", "localhost:8080")


def every_error() -> dict[type[client.JobgateError], int]:
    made = [each for name in client.__all__ if inspect.isclass(each := getattr(client, name))]
    errors = [each for each in made if issubclass(each, client.JobgateError)]
    return {each: exit_code_of(_instance(each)) for each in errors}


def _instance(kind: type[client.JobgateError]) -> client.JobgateError:
    return kind("Type", "message") if issubclass(kind, client.JobFailed) else kind()


def test_each_error_has_an_exit_code() -> None:
    by_code: dict[int, set[str]] = {}
    for kind, code in every_error().items():
        by_code.setdefault(code, set()).add(kind.__name__)
    assert by_code == {
        ExitCode.JOB_FAILED: {"JobFailed", "JobAborted"},
        ExitCode.WRONG_USE: {"InvalidOption", "MissingExtra", "NeedsGateway"},
        ExitCode.REFUSED: {
            "ArgumentsGone", "ClientClosed", "Forbidden", "InvalidArguments", "InvalidRequest", "JobExists",
            "JobNotFound", "JobgateError", "NotFinished", "ResultGone", "ResultMismatch", "Unauthorized",
            "UnknownFunction", "WouldDeadlock",
        },
        ExitCode.UNAVAILABLE: {
            "GatewayUnavailable", "JobLost", "NoWorker", "OutcomeUnknown", "RateLimited", "UnexpectedAnswer",
            "UntrustedGateway",
        },
        ExitCode.NOT_FINISHED: {"ResultTimeout"},
    }  # fmt: skip


def test_help_and_the_guide_name_the_same_exit_codes() -> None:
    guide = (REPOSITORY / "docs" / "command-line.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", guide, re.MULTILINE)
    shown = CliRunner().invoke(main, ["call", "--help"], terminal_width=200).output
    assert re.findall(r"^  (\d+) +(\S.+)$", shown, re.MULTILINE) == rows
    assert {int(code) for code, _ in rows} == {*ExitCode} - {ExitCode.CLOSED_PIPE}


def test_messages_speak_of_options_not_of_python() -> None:
    here = Connection(url="https://user:secret@host")
    for kind in every_error().keys() - {client.ClientClosed}:  # no command can have that
        text = message_of(_instance(kind), here)
        assert "Client(" not in text
        assert "job.result" not in text
        assert "secret" not in text
