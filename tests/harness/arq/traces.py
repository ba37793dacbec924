"""Stories that tests/interop/arq_story.py tells: recorded, played again, and held against each other.

A story is scenes, each on an empty database; a scene is steps. A recording keeps what each step sent; what it
left in Redis is found by playing it again, command by command.
"""

import io
import json
import pickle
import pickletools
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import redis

INTEROP = Path(__file__).resolve().parents[2] / "interop"
#: The recordings, one for each version of arq.
TRACES = INTEROP / "traces"
LOOK = (INTEROP / "look.lua").read_text()
#: Commands that tell nothing of jobs.
GREETINGS = {"CLIENT", "DBSIZE", "HELLO", "INFO", "PING", "SELECT"}
#: What arq asks again and again, as often as time allows: due ids, abort marks, a result, the length of the
#: queue for its health line; and the end of what was cut off.
POLLS = {
    ("ZRANGEBYSCORE",),
    ("MULTI", "ZRANGE", "ZREMRANGEBYSCORE", "EXEC"),
    ("UNWATCH",),
    ("MULTI", "GET", "ZSCORE", "EXEC"),
    ("ZCARD",),
}
HEALTH = "health-check"
#: Keys that arq knows.
ARQS = re.compile(r"arq:(job|result|in-progress|retry):.*|arq:abort|arq:queue|idle")
#: Ids that are new each time: random ones, and those of cron jobs.
RANDOM_ID = re.compile(r"\b(?:[0-9a-f]{32}|[0-9A-Za-z]{20})\b")
CRON_ID = re.compile(r"cron:act:(startup:)?[0-9a-f]{13,}")
#: Two days in ms: what is further away from the moment of a recording is no time.
_NEAR_MS = 2 * 86_400_000

Scene = dict[str, Any]
Story = Mapping[str, Scene]
Command = list[str]


def tell(python: str, kind: str, url: str) -> Story:
    """Tell the story with `arq` or `jobgate`; the server at `url` is emptied, and must serve nobody else."""
    words = [python, str(INTEROP / "arq_story.py"), kind, url]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    return {name: {"began": steps[0]["began"], "steps": steps} for name, steps in told.items()}


def recorded(story: Story) -> Story:
    """Return what is kept of a story: what was sent in each step, without greetings and polls."""
    return {name: _recorded_scene(scene) for name, scene in story.items()}


def written(recording: Story) -> str:
    """Return a recording as text, one line for each command."""
    text = json.dumps(recording, indent=1)
    return re.sub(r"\[\s+(\"[^\[\]]*?\")\s+\]", _on_one_line, text) + "\n"


def _on_one_line(found: re.Match[str]) -> str:
    return json.dumps(json.loads(found[0]))


def recording_of(version: str) -> Story:
    """Return the recording of a version of arq."""
    story: Story = json.loads((TRACES / f"{version}.json").read_text())
    return story


def play(recording: Story, client: redis.Redis) -> Story:
    """Send all of a recording once more, as if it were now; return the story with what Redis held then."""
    return {name: _play_scene(scene, client) for name, scene in recording.items()}


# -- recording


def _recorded_scene(scene: Scene) -> Scene:
    names: dict[str, str] = {}
    steps = []
    blocks = list(_blocks(scene["steps"]))
    for number, step in enumerate(scene["steps"]):
        kept = [block for at, block in blocks if at == number and _tells(block)]
        commands = [
            [names.setdefault(who, f"c{len(names)}"), *words] for block in kept for who, *words in block
        ]
        steps.append({"step": step["step"], "commands": commands})
    return {"began": scene["began"], "steps": steps}


def _blocks(steps: Sequence[Scene]) -> Iterator[tuple[int, list[Command]]]:
    """Group commands into transactions, with or without a WATCH before, and single ones.

    Yields the number of the step in which a block ends, and the block.
    """
    open_blocks: dict[str, list[Command]] = {}
    for number, step in enumerate(steps):
        for command in step["commands"]:
            who, name = command[:2]
            block = open_blocks.setdefault(who, [])
            block.append(command)
            if name in ("EXEC", "UNWATCH", "DISCARD") or block[0][1] not in ("WATCH", "MULTI"):
                yield number, open_blocks.pop(who)


def _tells(block: list[Command]) -> bool:
    names = tuple(command[1] for command in block)
    if names[0] in GREETINGS or names in POLLS:
        return False
    is_health_line = names == ("PSETEX",) and HEALTH in block[0][2]
    # A job that runs elsewhere, or a worker that is stopped while it looks.
    is_vain_claim = names[0] == "WATCH" and "in-progress" in block[0][2] and names[-1] == "UNWATCH"
    return not is_health_line and not is_vain_claim


# -- playing


def _play_scene(scene: Scene, client: redis.Redis) -> Scene:
    client.flushall()
    began = time.time() * 1000
    shift = round(began - scene["began"])
    pool = client.connection_pool
    connections: dict[str, Any] = {}
    steps = []
    for step in scene["steps"]:
        for who, *words in step["commands"]:
            connection = connections.get(who) or connections.setdefault(who, pool.get_connection())
            _send(connection, [moved(word, scene["began"], shift) for word in words])
        steps.append({"step": step["step"], "noted": time.time() * 1000, "keys": look(client)})
    for connection in connections.values():
        pool.release(connection)
    return {"began": began, "steps": steps}


def _send(connection: Any, words: list[bytes]) -> None:
    connection.send_command(*words)
    answer = connection.read_response()  # raises what the server refuses
    assert words[0] != b"EXEC" or answer is not None, "a watched key has changed"


def look(client: redis.Redis) -> dict[str, Any]:
    """Return all keys at this moment, as a step of a story holds them."""
    found: Any = client.eval(LOOK, 0)
    keys = {}
    for key, kind, ttl, value in found:
        shown: Any = value.decode("latin-1") if kind == b"string" else None
        if kind == b"zset":
            pairs = zip(value[::2], value[1::2], strict=True)
            shown = {member.decode(): float(score) for member, score in pairs}
        keys[key.decode()] = {"type": kind.decode(), "ttl": ttl, "value": shown}
    return keys


def moved(word: str, began: float, shift: int) -> bytes:
    """Return a word of a recording with the times in it moved by `shift` ms."""
    blob = word.encode("latin-1")
    if re.fullmatch(r"\d{13}(\.\d+)?", word) and abs(float(word) - began) < _NEAR_MS:
        whole, dot, rest = word.partition(".")
        return f"{int(whole) + shift}{dot}{rest}".encode()
    return _moved_pickle(blob, began, shift) if blob[:1] == b"\x80" else blob


def _moved_pickle(blob: bytes, began: float, shift: int) -> bytes:
    patched = bytearray(blob)
    for opcode, value, at in pickletools.genops(blob):
        if opcode.name == "LONG1" and at is not None and value is not None and abs(value - began) < _NEAR_MS:
            length = blob[at + 1]
            patched[at + 2 : at + 2 + length] = (value + shift).to_bytes(length, "little", signed=True)
    return bytes(patched)


# -- comparing


class Seconds(float):
    """Seconds from the beginning of a scene: a moment, or the end of a key."""


Fact = Seconds | str | None


def facts(scene: Scene, step: Scene) -> dict[str, Fact]:
    """Return all that arq sees after a step, one fact each: name -> value."""
    known: dict[str, Fact] = {}
    for key, content in step["keys"].items():
        if ARQS.fullmatch(key):
            known.update(_facts_of(anonymous(key), content, scene["began"], step["noted"]))
    return known


def anonymous(text: str) -> str:
    """Return a text without the ids that are new each time."""
    return RANDOM_ID.sub("<random>", CRON_ID.sub("cron:act:<start>", text))


def _facts_of(key: str, content: Scene, began: float, noted: float) -> Iterator[tuple[str, Fact]]:
    value = content["value"]
    yield (
        f"{key} lives",
        "for ever" if content["ttl"] < 0 else Seconds((noted + content["ttl"] - began) / 1000),
    )
    if isinstance(value, dict):
        for member, score in value.items():
            yield f"{key} {anonymous(member)}", _moment(score, began)
    elif not value.startswith("\x80"):
        yield key, value
    else:
        for name, field in read_pickle(value.encode("latin-1")).items():
            is_moment = name in ("et", "st", "ft")
            yield f"{key} .{name}", _moment(field, began) if is_moment else anonymous(repr(field))


def _moment(ms: float, began: float) -> Fact:
    """Return a time; arq's own scores of 1 and times of 0 are none."""
    return Seconds((ms - began) / 1000) if ms > 1_000_000 else repr(int(ms))


def same(one: Fact, other: Fact, tolerance: float) -> bool:
    """Tell whether two facts are the same, times within `tolerance` seconds."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= tolerance
    return type(one) is type(other) and one == other


def slack(scene: Scene, step: Scene) -> float:
    """Return how far a scene's own times may lie from what they say, in seconds: as long as it took."""
    taken: float = step["noted"] - scene["began"]
    return taken / 1000 + 0.05


class _Named:
    """Something of a pickle that is known by its name alone."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self.arguments))
        return f"{self.name}({shown})" + (f" with {self.state!r}" if self.state else "")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return lambda *arguments: _Named(f"{module}.{name}", arguments)


def read_pickle(blob: bytes) -> dict[str, Any]:
    """Read the dict of a job or a result; what it names is not imported but shown."""
    read: dict[str, Any] = _Reader(io.BytesIO(blob)).load()
    return read


def masked(commands: Sequence[Command], began: float) -> list[str]:
    """Return each block of a step as text without times and new ids, sorted.

    Two connections of one worker have no order between them; within a block there is one.
    """
    blocks = _blocks([{"commands": commands}])
    return sorted(
        " · ".join(" ".join(_masked_words(words, began)) for _, *words in block) for _, block in blocks
    )


def _masked_words(words: Sequence[str], began: float) -> list[str]:
    shown = [_masked(word, began) for word in words]
    if words[0] in ("PSETEX", "ZINCRBY"):  # counted from a time that lies before this very moment
        shown[2] = f"<{round(float(words[2]) / 10_000) * 10} s>"
    return shown


def _masked(word: str, began: float) -> str:
    if word.startswith("\x80"):
        fields = read_pickle(word.encode("latin-1"))
        return repr({name: _masked(anonymous(repr(field)), began) for name, field in fields.items()})
    if re.fullmatch(r"\d{13}(\.\d+)?", word) and abs(float(word) - began) < _NEAR_MS:
        return f"<{_rounded((float(word) - began) / 1000)} s>"
    return anonymous(word)


def _rounded(seconds: float) -> int:
    """Round a moment of the story to the pauses that are asked for in it: 60, 100, 3600 seconds."""
    return min((0, 60, 100, 3600), key=lambda pause: abs(pause - seconds))
