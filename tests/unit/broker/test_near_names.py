"""Near names: what a slip of the pen meant is found, in a bounded time."""

import random
import time

import pytest

from jobgate.broker.texts.near_names import learn, near_names

WORDS = ["send", "make", "report", "invoice", "user", "mail", "sync", "order", "stock", "price", "daily"]
WORDS += ["weekly", "clean", "build", "index", "cache", "file", "image", "video", "export", "import"]
CHOICE = random.Random(1)
NAMES = sorted({"_".join(CHOICE.choice(WORDS) for _ in range(3)) for _ in range(1100)})
NUMBERED = [f"report_{number:04d}" for number in range(1100)]
DEEP = ["module.sub." * 10 + f"function_{number}" for number in range(1100)]
ALIKE = ["a" * (100 + number % 25) + str(number) for number in range(1100)]


def near(wanted: str, names: list[str]) -> list[str]:
    return near_names(wanted, names, lambda _: True)


@pytest.mark.parametrize("names", [NAMES, NUMBERED, DEEP], ids=["words", "numbered", "deep"])
def test_a_slip_of_the_pen_finds_its_name_among_a_thousand(names: list[str]) -> None:
    for name in CHOICE.sample(names, 50):
        at = CHOICE.randrange(1, 4)
        assert name in near(name[:at] + name[at + 1 :], names), "a letter is missing"
        assert name in near(name[:at] + "x" + name[at:], names), "a letter too many"
        assert name in near(name[:at] + name[at + 1] + name[at] + name[at + 2 :], names), "two are swapped"


def test_only_what_is_alike_and_known_is_told() -> None:
    assert near("sned_mail", ["send_mail", "send_mails", "make_report"]) == ["send_mail", "send_mails"]
    assert near("fan", ["fun", "fin", "run", "send"]) == ["fin", "fun"]
    assert near("qqq", NAMES) == []
    assert near("add", []) == []
    assert near_names("sned_mail", ["send_mail", "send_mails"], lambda name: name.endswith("s")) == [
        "send_mails"
    ]


@pytest.mark.parametrize("names", [NAMES, NUMBERED, DEEP, ALIKE], ids=["words", "numbered", "deep", "alike"])
@pytest.mark.parametrize("wanted", [WORDS[0], "a" * 128, "report_00500", "ab" * 64, DEEP[500][:-1] + "x"])
def test_it_takes_a_moment_only(names: list[str], wanted: str) -> None:
    learn(names)
    took = []
    for _ in range(20):
        start = time.thread_time()
        near(wanted, names)
        took.append(time.thread_time() - start)
    # 1 to 2 ms on an idle machine; a search that compares each of them takes 40 ms to 8 s.
    assert min(took) < 0.01
