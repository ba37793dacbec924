"""The frame of the `jobgate` command."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner

from jobgate.cli.main import COMMANDS, SECTIONS, main, module_of
from jobgate.cli.option import VARIABLES
from jobgate.cli.options.environment import FURTHER, warnings_of_environment


def test_version_is_the_package_s() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"jobgate {version('jobgate')}\n"


#: Each takes a good part of the time in which `jobgate --help` is to end; click and Python's start need half.
SLOW_TO_IMPORT = {
    "aiohttp", "asyncio", "difflib", "email", "importlib.metadata", "jobgate.client", "logging", "orjson",
    "prometheus_client", "pydantic", "redis", "rich", "socket", "ssl", "subprocess", "zipfile",
}  # fmt: skip


def test_help_names_every_command_without_importing_any() -> None:
    program = "import sys; from jobgate.cli.main import main\ntry: main()\nfinally: print(*sys.modules)"
    words = [sys.executable, "-c", program, "--help"]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    help_text, modules = output.rsplit("\n", 2)[:2]
    assert [name for name in COMMANDS if f"\n  {name} " not in help_text] == []
    commands = set(map(module_of, COMMANDS))
    assert (SLOW_TO_IMPORT | commands) & set(modules.split()) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(name: str) -> None:
    answer = CliRunner().invoke(main, [name, "--help"])
    assert answer.exit_code == 0
    assert answer.output.startswith(f"Usage: main {name}")


@pytest.mark.parametrize("words", [[], ["bulk"], ["key"], ["queue"]])
def test_no_command_s_line_is_cut_off(words: list[str]) -> None:
    help_text = CliRunner().invoke(main, [*words, "--help"], terminal_width=80).output
    titles = ["Commands:"] if words else [f"{title}:" for title in SECTIONS]
    assert all(f"\n{title}\n" in help_text for title in titles)
    lines = help_text[help_text.index(f"\n{titles[0]}\n") :].splitlines()
    assert [line for line in lines if line.endswith("...")] == []


def test_unknown_command_is_wrong_use() -> None:
    answer = CliRunner().invoke(main, ["wrker"])
    assert answer.exit_code == 2
    assert "No such command 'wrker'. Did you mean 'worker'?" in answer.output


@pytest.mark.parametrize(
    ("word", "near"), [("wroker", "worker"), ("gatway", "gateway"), ("keys", "key"), ("healt", "health")]
)
def test_a_command_that_is_nearly_right_is_asked_for(word: str, near: str) -> None:
    assert f"Did you mean {near!r}?" in CliRunner().invoke(main, [word]).output


@pytest.mark.parametrize("word", ["serve", "--wroker"])
def test_where_nothing_is_near_nothing_is_asked(word: str) -> None:
    answer = CliRunner().invoke(main, [word])
    assert answer.exit_code == 2
    assert "Did you mean" not in answer.output


def test_ctrl_c_while_a_command_is_imported_ends_it_as_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobgate.cli.main.import_module", interrupted)
    answer = CliRunner().invoke(main, ["call", "add"])
    assert (answer.exit_code, answer.output) == (130, "")


@pytest.mark.parametrize("words", [["gateway"], ["worker", "x.Y"]])
@pytest.mark.parametrize("variable", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
def test_a_folder_for_metrics_that_is_missing_is_one_sentence(words: list[str], variable: str) -> None:
    answer = CliRunner().invoke(main, words, env={variable: "/nonexistent"})
    assert answer.exit_code == 1
    assert answer.output == (
        f"Error: {variable} is '/nonexistent', which is not a writable folder: create it, or unset the "
        "variable.\n"
    )


def test_dev_says_that_a_port_is_no_number() -> None:
    assert CliRunner().invoke(main, ["dev", "x.Y", "--port", "http"]).exit_code == 2


def every_command(command: click.Command, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from every_command(below, *words, name)


EVERY_COMMAND = list(every_command(main))


@pytest.mark.parametrize(
    ("words", "command"), EVERY_COMMAND, ids=lambda value: " ".join(value) if type(value) is tuple else ""
)
def test_help_names_the_variable_of_each_option(words: tuple[str, ...], command: click.Command) -> None:
    help_text = " ".join(CliRunner().invoke(main, [*words, "--help"], terminal_width=10_000).output.split())
    # What a job is, or what its lines are, belongs on the command line.
    options = [each for each in command.params if isinstance(each, click.Option) and each.envvar]
    named = re.findall(r"env var: (JOBGATE_[A-Z_]+)", help_text)
    assert len(named) == len(set(named)) == len(options)
    assert {name for option in options for name in option.envvar or ()} <= VARIABLES


@pytest.mark.parametrize("name", ["call", "stubs"])
def test_options_are_known_to_commands_that_do_not_import_them(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    variables = {name for one in command.params for name in one.envvar or ()}
    elsewhere = {"JOBGATE_NAMESPACE", "JOBGATE_SERIALIZER"}
    assert variables - elsewhere <= set(FURTHER)


@pytest.mark.parametrize("command", ["gateway", "worker", "check", "dev"])
def test_several_queues_in_a_variable_have_commas_between_them(command: str) -> None:
    words = [command] if command == "gateway" else [command, "x.Y"]
    known = main.get_command(click.Context(main), command)
    assert known is not None
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JOBGATE_QUEUE", "urgent=5,mail")
        assert known.make_context(command, words[1:]).params["queues"] == {"urgent": 5, "mail": 1}
    for wrong in ("urgent mail", "urgent, mail", "urgent,,mail"):
        answer = CliRunner().invoke(main, words, env={"JOBGATE_QUEUE": wrong})
        assert answer.exit_code == 2
        assert "--queue" in answer.output


def test_a_variable_has_one_meaning_in_every_command() -> None:
    """`jobgate dev` and `--workers` hand their environment on."""
    meanings: dict[str, set[str]] = {}
    for words, _ in EVERY_COMMAND:
        help_text = CliRunner().invoke(main, [*words, "--help"], terminal_width=10_000).output
        for option, variable in re.findall(
            r"^  (?:-\w, )?(--[a-z-]+).*?env var: (JOBGATE_\w+)", help_text, re.MULTILINE
        ):
            meanings.setdefault(variable, set()).add(option)
    assert {name: options for name, options in meanings.items() if len(options) > 1} == {}


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (["dev", "x.Y"], "JOBGATE_PORT"),
        (["gateway"], "JOBGATE_DRAIN"),
        (["worker", "x.Y"], "JOBGATE_WORKERS"),
    ],
)
def test_the_variable_of_an_option_is_read(words: list[str], variable: str) -> None:
    answer = CliRunner().invoke(main, words, env={variable: "many"})
    assert answer.exit_code == 2
    assert "'many' is not a valid" in answer.output


def warnings_with(variables: dict[str, str]) -> list[str]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        environment.delenv("JOBGATE_SUPERVISOR_WARNED", raising=False)
        return warnings_of_environment()


def test_a_variable_without_effect_is_warned_of() -> None:
    assert warnings_with({"JOBGATE_REDIS": "x", "JOBGATE_PORT": "80"}) == [
        "JOBGATE_REDIS is not a variable of jobgate, did you mean 'JOBGATE_REDIS_URL'?"
    ]
    assert warnings_with({"JOBGATE_QQQQ_QQQQQQQQQQ": "x"}) == [
        "JOBGATE_QQQQ_QQQQQQQQQQ is not a variable of jobgate"
    ]


def test_child_processes_do_not_warn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBGATE_SUPERVISOR_WARNED", raising=False)
    monkeypatch.setenv("JOBGATE_REDIS", "x")
    assert len(warnings_of_environment()) == 1
    assert warnings_of_environment() == []
    monkeypatch.delenv("JOBGATE_SUPERVISOR_WARNED")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOBGATE_HEALTH_URL", "http://127.0.0.1:8080/livez"),
        ("JOBGATE_KEY", "jg_1"),
        ("JOBGATE_SUPERVISOR_FD", "5"),
        # Kubernetes sets these in each pod beside a service `jobgate` or `jobgate-gateway`.
        ("JOBGATE_SERVICE_HOST", "10.0.0.1"),
        ("JOBGATE_GATEWAY_SERVICE_PORT_HTTP", "8080"),
        ("JOBGATE_GATEWAY_PORT", "tcp://10.0.0.1:8080"),
        ("JOBGATE_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_variables_that_others_read_are_not_warned_of(name: str, value: str) -> None:
    assert warnings_with({name: value}) == []


@pytest.mark.parametrize("words", [["check", "x.Y"], ["dev", "x.Y"], ["gateway"]])
def test_commands_warn_on_stderr(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBGATE_SUPERVISOR_WARNED", raising=False)
    environment = {"JOBGATE_NAMESPASE": "x", "JOBGATE_REDIS_URL": "http://not.redis", "JOBGATE_PORT": "1"}
    answer = CliRunner().invoke(main, words, env=environment)
    os.environ.pop("JOBGATE_SUPERVISOR_WARNED", None)
    said = "JOBGATE_NAMESPASE is not a variable of jobgate, did you mean 'JOBGATE_NAMESPACE'?"
    assert answer.stderr.count(said) == 1
    assert said not in answer.stdout


def test_options_stand_by_section_in_the_help() -> None:
    help_text = CliRunner().invoke(main, ["gateway", "--help"], terminal_width=80).output
    titles = re.findall(r"^(\w+):$", help_text, re.MULTILINE)
    assert titles == [
        "Redis",
        "Queues",
        "HTTP",
        "Processes",
        "Access",
        "Limits",
        "Metrics",
        "Logging",
        "Other",
    ]
    limits = help_text.partition("\nLimits:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^  (--[a-z-]+)", limits, re.MULTILINE) == [
        "--max-wait",
        "--max-waits",
        "--max-waits-per-key",
        "--max-streams",
        "--max-header",
        "--max-unsent",
        "--bulk-at-once",
    ]
