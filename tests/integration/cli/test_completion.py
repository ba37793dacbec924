"""Shells complete commands, options and the names of functions."""

from collections.abc import Iterator

import pytest

from harness.systems.call_stack import CallStack

#: What bash does when somebody has written these words and presses the Tab key.
TAB = """
eval "$(jobgate completion bash)"
COMP_WORDS=({words} '{begun}')
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
$(complete -p jobgate | sed 's/.* -F \\([^ ]*\\) .*/\\1/') jobgate
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStack]:
    with CallStack(tmp_path_factory.mktemp("completion")) as running:
        yield running


@pytest.mark.parametrize(
    ("words", "begun", "found"),
    [
        ("jobgate", "en", ["enqueue"]),
        ("jobgate call", "ec", ["echo"]),
        ("jobgate enqueue", "s", ["sleep", "steps"]),
        ("jobgate functions", "zz", [""]),
        ("jobgate call echo", "--time", ["--timeout"]),
        ("jobgate bulk", "re", ["retry"]),
        ("jobgate completion", "", ["bash", "zsh", "fish"]),
    ],
)
def test_bash(stack: CallStack, words: str, begun: str, found: list[str]) -> None:
    done = stack.shell(TAB.format(words=words, begun=begun))
    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()) == sorted(found)


@pytest.mark.parametrize(
    ("shell", "current", "answer"),
    [("zsh", "2", "plain\necho\n_\n"), ("fish", "ec", "plain,echo\n")],
)
def test_what_the_scripts_of_other_shells_ask(
    stack: CallStack, shell: str, current: str, answer: str
) -> None:
    script = stack.shell(f"jobgate completion {shell}").stdout
    assert f"_JOBGATE_COMPLETE={shell}_complete" in script
    asked = f"COMP_WORDS='jobgate call ec' COMP_CWORD={current} _JOBGATE_COMPLETE={shell}_complete jobgate"
    done = stack.shell(asked)
    assert (done.stdout, done.stderr) == (answer, "")


def test_nothing_is_written_where_no_gateway_answers(stack: CallStack) -> None:
    with stack.stopped_gateway() as env:
        url = env["JOBGATE_URL"]
        done = stack.shell(f"export JOBGATE_URL={url}\n" + TAB.format(words="jobgate call", begun="ec"))
    assert (done.stdout.strip(), done.stderr) == ("", "")
