"""Follows a guide in docs/ step by step: what it tells its reader to do is done, in order.

What is followed, and nothing else in the text:

- "`tasks.py`:" at the end of the paragraph above a block of Python, JavaScript, TypeScript or nginx: write
  that file.
- a block of `sh`: run its commands. Variables that are set stay set.
- the same below a paragraph that says "in its own terminal": start each line and leave it running.
- a block of `console`: run what follows each `$ `, and compare what it prints; `…` stands for anything. It
  must fail where the guide shows `: error`, and nowhere else.
- a block of `yaml` or `text`: only read.
- "Stop `command`" in a paragraph: SIGINT, as Ctrl-C sends it, to what was started with that command.
"""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.processes import variables
from harness.processes.commands import Process, Processes

DOCS = Path(__file__).resolve().parents[3] / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w/]+\.(?:py|mjs|ts|conf))`[^`]*:$")
_ONLY_READ = {"text", "yaml"}
_STOP = re.compile(r"[Ss]top `([^`]+)`")
_OWN_TERMINAL = re.compile(r"in its own terminal", re.IGNORECASE)
#: Where the variables of one block are kept for the next.
_VARIABLES = ".variables"


@dataclass(frozen=True)
class Step:
    """One thing that the reader is told to do."""

    #: `write`, `run`, `start`, `compare` or `stop`.
    kind: str
    text: str
    #: The file to write.
    name: str = ""


def steps(text: str) -> Iterator[Step]:
    """Yield the steps of a guide in order."""
    place = 0
    for block in _BLOCK.finditer(text):
        paragraphs = text[place : block.start()].strip().split("\n\n")
        yield from _stops("\n\n".join(paragraphs))
        if block.group(1) not in _ONLY_READ:
            yield _step(block.group(1), block.group(2), " ".join(paragraphs[-1].split()))
        place = block.end()
    yield from _stops(text[place:])


def _stops(prose: str) -> Iterator[Step]:
    return (Step("stop", command) for command in _STOP.findall(" ".join(prose.split())))


def _step(language: str, code: str, paragraph: str) -> Step:
    file = _FILE.search(paragraph)
    if language in {"python", "js", "ts", "nginx"} and file:
        return Step("write", code, file.group(1))
    if language == "console":
        return Step("compare", code)
    assert language == "sh", f"who reads the guide is not told what to do with this block: {code}"
    return Step("start" if _OWN_TERMINAL.search(paragraph) else "run", code)


class Follower:
    """Follows a guide in a folder.

    Args:
        processes: starts what is left running.
        folder: where files are written and commands are run.
        path: folders of the programs that the guide names, the first first.
        instead: what is put in place of texts of the guide, such as ports and URLs.
        ready: what the log of a command that is left running says when it serves, by its first words.
        environment: further variables.
    """

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        *,
        path: str,
        instead: Mapping[str, str],
        ready: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.running: dict[str, Process] = {}
        self._processes = processes
        self.instead = instead
        self._ready = ready
        # Those of the tests, so that programs can be forked.
        quick = {"PYTHONUNBUFFERED": "1", **variables.early(variables.environment(os.environ))}
        self.environment = {"PATH": path, **quick, **(environment or {})}

    def follow(self, name: str) -> int:
        """Follow a guide to its end, and return how many steps it has."""
        count = 0
        for step in steps((DOCS / name).read_text()):
            count += 1
            self.do(step)
        return count

    def do(self, step: Step) -> str:
        """Do one step and return what it printed, if it is to be run; else nothing.

        Raises:
            AssertionError: It differs from what the guide says.
        """
        text = self.put_in(step.text)
        match step.kind:
            case "write":
                (self.folder / step.name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / step.name).write_text(text)
            case "run":
                return self.run(text)
            case "start":
                self._start(text)
            case "compare":
                self._compare(text)
            case "stop":
                self.stop(text)
        return ""

    def run(self, commands: str, *, fails: bool = False) -> str:
        """Run commands in a shell, which succeed or fail, and return what a terminal would show."""
        keep = f". ./{_VARIABLES}; set -eu\n{commands}\nexport -p > {_VARIABLES}\n"
        (self.folder / _VARIABLES).touch()
        done = subprocess.run(
            ["sh", "-ac", keep],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode != 0) is fails, f"{commands}\n{done.stdout}\n{self._logs()}"
        return done.stdout

    def stop(self, command: str) -> None:
        """Send Ctrl-C to what was started with this command, and see it end."""
        process = self.running.pop(command)
        process.signal(signal.SIGINT)
        process.wait()

    def put_in(self, text: str) -> str:
        """Return a text of the guide with our ports and URLs in it."""
        for old, new in self.instead.items():
            text = text.replace(old, new)
        return text

    def _start(self, commands: str) -> None:
        for command in commands.strip().splitlines():
            line = command.partition("  #")[0].strip()
            words = shlex.split(line)
            (self.folder / _VARIABLES).touch()
            process = self._processes.start(
                "-c",
                f". ./{_VARIABLES}; exec {line}",
                program="/bin/sh",
                cwd=self.folder,
                env=self.environment,
            )
            self.running[line] = process
            process.wait_for_log(self._ready[" ".join(words[:2])], timeout=30)

    def _compare(self, session: str) -> None:
        for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
            command, told = _command_and_answer(part)
            printed = self.run(command, fails=": error" in told).strip()
            pattern = ".*".join(map(re.escape, told.strip().split("…")))
            assert re.fullmatch(pattern, printed, re.DOTALL), (
                f"$ {command}\nthe guide says: {told}\nit prints: {printed}\n{self._logs()}"
            )

    def _logs(self) -> str:
        return "\n".join(f"{command}: {process.log[-1500:]}" for command, process in self.running.items())


def _command_and_answer(part: str) -> tuple[str, str]:
    """Split at the first line that does not end with a backslash."""
    lines = part.splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if not line.rstrip("\n").endswith("\\"))
    return "".join(lines[: end + 1]).rstrip("\n"), "".join(lines[end + 1 :])
