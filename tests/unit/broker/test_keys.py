"""No two names make the same key of Redis: shown for every key function that there is, and for any id.

The functions are found by looking at `Keys`, and the names are put together from the words of its keys, so
that a function which is added tomorrow is covered, or fails here until its parameters are known.
"""

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

from harness.forms import LONG
from jobgate.broker.keys import Keys, why_not_queue

#: Parameters that are the name of a queue, which is checked, and those that take any text.
QUEUES = frozenset({"queue", "name"})
ANYTHING = frozenset({"job_id", "worker_id", "digest", "caller", "function", "minute", "window", "process"})
ORDINARY = """
    emails arq:queue arq:queue:high arq:queue:2 myapp:jobs myapp:job myapp:retry workers arq
    arq:jobs arq:emails a:b:c progress wake job:x mail.high-1 Ärger q:wakeful queue:{shard} arq:test
    test default arq:myapp:queue in-progress q:my-worker
"""
TAKEN = """
    arq:job arq:job:x arq:result arq:retry arq:in-progress:a arq:abort q:wake q:workers q:worker
    q:worker:w q:claim q:claim:w q:progress q:progress:x:y q:paused q:health-check q:abort-notices
    arq:queue:ended arq:queue:idempotency arq:queue:idempotency:x arq:operations:wake
"""

#: Stands for any text.
HOLE = "\0"

#: A key up to its first hole, or whole, and what it is the key of.
Meaning = tuple[str, ...]
Forms = list[tuple[str, bool, Meaning]]


def key_functions() -> Mapping[str, tuple[str, ...]]:
    """All of `Keys` that return keys, with the names of their parameters."""
    found: dict[str, tuple[str, ...]] = {}
    for name in dir(Keys):
        member = inspect.getattr_static(Keys, name)
        if isinstance(member, property) and not name.startswith("_"):
            found[name] = ()
        elif inspect.isfunction(member) and not name.startswith("_"):
            found[name] = tuple(inspect.signature(member).parameters)[1:]
    return found


FUNCTIONS = key_functions()


def call(keys: Keys, function: str, *names: str) -> str:
    member = getattr(keys, function)
    key = member(*names) if callable(member) else member
    assert isinstance(key, str)
    return key


def words() -> list[str]:
    """All words of all keys, and some that are none."""
    keys = [call(Keys(), name, *[HOLE] * len(parameters)) for name, parameters in FUNCTIONS.items()]
    found = {word for key in keys for word in key.replace(HOLE, "").split(":")}
    return sorted(found | {"x", "", "wake2"})


def names(longest: int, step: int = 1) -> Iterator[str]:
    """All names of so many words and fewer; of the longest, the short form takes one in `step`."""
    for length in range(1, longest + 1):
        made = map(":".join, itertools.product(words(), repeat=length))
        yield from itertools.islice(made, None, None, 1 if LONG or length < longest else step)


def is_taken(make: Callable[[str], object], name: str) -> bool:
    try:
        make(name)
    except ValueError:
        return True
    return False


def accepted_queues(keys: Keys, candidates: Iterable[str]) -> list[str]:
    """Those that callers can use: not the queue of operations, whose keys `forms` adds."""
    return [
        name for name in candidates if name and name != keys.operations and not is_taken(keys.queue, name)
    ]


def forms(keys: Keys, queues: Iterable[str]) -> Forms:
    """The keys of these queues, and of all ids."""
    found: Forms = [(queue, False, ("queue", queue)) for queue in queues]
    for function, parameters in FUNCTIONS.items():
        if function in {"queue", "default_queue"}:
            continue
        for queue in [*queues, keys.operations] if "queue" in parameters else [""]:
            given = [queue if name in QUEUES else HOLE for name in parameters]
            text, hole, _ = call(keys, function, *given).partition(HOLE)
            found.append((text, bool(hole), (function, queue)))
    return found


def meetings(found: Forms) -> list[tuple[str, Meaning, Meaning]]:
    """Keys that two meanings have: equal ones, and those that begin as one that anything follows."""
    opened = {text: meaning for text, is_open, meaning in found if is_open}
    assert all(text.endswith(":") for text in opened), "else look for them at every place"
    met, seen = [], dict[str, Meaning]()
    for text, is_open, meaning in found:
        ends = [at + 1 for at, character in enumerate(text) if character == ":"]
        met += [
            (text, meaning, opened[text[:end]]) for end in ends if opened.get(text[:end], meaning) != meaning
        ]
        if not is_open and seen.setdefault(text, meaning) != meaning:
            met.append((text, meaning, seen[text]))
    return met


def test_every_parameter_is_known() -> None:
    assert {name for parameters in FUNCTIONS.values() for name in parameters} == QUEUES | ANYTHING
    assert len(FUNCTIONS) >= 17


@pytest.mark.parametrize("namespace", ["arq", "{a}:b"])
def test_keys_of_all_names_of_queues_differ(namespace: str) -> None:
    keys = Keys(namespace)
    longest = 3 if LONG or namespace == "arq" else 2
    queues = accepted_queues(
        keys,
        [*names(longest, 7 if longest == 3 else 1), *(f"{namespace}:{rest}" for rest in names(2)), namespace],
    )
    assert len(queues) > (500 if longest == 3 else 100)
    assert keys.default_queue in queues
    found = forms(keys, queues)
    if namespace != "arq":  # a stock arq fleet may share the Redis
        found += [(text, is_open, ("arq", *meaning)) for text, is_open, meaning in forms(Keys(), [])]
    assert meetings(found) == []


def test_keys_of_queues_workers_and_ids_differ() -> None:
    keys, made = Keys(), dict[str, Meaning]()
    queues, texts = accepted_queues(keys, names(2)), list(names(2, 11))
    for function, parameters in FUNCTIONS.items():
        kinds = [queues if name in QUEUES else texts for name in parameters]
        for given in itertools.product(*kinds):
            key = call(keys, function, *given)
            meaning = ("queue", key) if function in {"queue", "default_queue"} else (function, *given)
            assert made.setdefault(key, meaning) == meaning


def test_keys_of_all_namespaces_differ() -> None:
    """Only a queue whose name begins a namespace's could have keys that are the namespace's."""
    free, arqs = 0, [(text, is_open, ("arq", *meaning)) for text, is_open, meaning in forms(Keys(), [])]
    for namespace in filter(None, [*names(2, 5), *(f"arq:{rest}" for rest in names(2, 5))]):
        if is_taken(Keys, namespace):
            continue
        free += 1
        keys, parts = Keys(namespace), namespace.split(":")
        beginnings = [":".join(parts[:end]) for end in range(1, len(parts) + 1)]
        queues = {keys.default_queue, *accepted_queues(keys, [*beginnings, "mail", "arq:queue"])}
        found = forms(keys, sorted(queues))
        if namespace != "arq":
            found += arqs
        assert meetings(found) == [], namespace
    assert free > 300


@pytest.mark.parametrize("namespace", ["arq", "shop"])
def test_the_queue_of_operations_is_refused_to_callers_and_known_to_the_broker(namespace: str) -> None:
    keys = Keys(namespace)
    assert keys.queue(keys.operations) == keys.operations
    refused = {why_not_queue(namespace, name) for name in {keys.operations, "arq:operations"}}
    assert all(wrong and "operations" in wrong for wrong in refused)


@pytest.mark.parametrize("name", ORDINARY.split())
def test_ordinary_names_are_free(name: str) -> None:
    assert Keys().queue(name) == name


@pytest.mark.parametrize("name", TAKEN.split())
@pytest.mark.parametrize("namespace", ["arq", "shop"])
def test_names_that_make_others_keys_are_refused_in_words(namespace: str, name: str) -> None:
    keys = Keys(namespace)
    with pytest.raises(ValueError, match="cannot be used: its key") as caught:
        keys.queue(name)
    text = str(caught.value)
    assert name in text
    taken = text.partition("between its colons: ")[2].rstrip(".").split(", ")
    assert {"wake", "job", "ended"} < set(taken)
    free = [name for name in names(2) if name and not set(name.split(":")) & set(taken)]
    assert accepted_queues(keys, free) == free, "what the sentence says is free is free"


@pytest.mark.parametrize(
    "namespace", ["", "arq:job", "arq:retry:x", "shop:claim", "shop:progress", "a:worker:b"]
)
def test_namespaces_whose_keys_are_others_are_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match=r"namespace"):
        Keys(namespace)
