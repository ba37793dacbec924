"""Each fault of arq that docs/arq-api.md says to be gone has a test that names it."""

import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
DOC = (TESTS.parent / "docs" / "arq-api.md").read_text()
ROWS = re.findall(r"^\| (#[\d, #]+|–) \| (.+?) \| .+ \|$", DOC, re.MULTILINE)
NUMBERS = sorted({int(number) for issues, _ in ROWS for number in re.findall(r"\d+", issues)})
#: Those that arq has no issue for: a part of the row -> what holds it, the beginning of its test's name.
WITHOUT_NUMBER = {
    "in a hook": "test_no_hook_at_the_end_harms_worker_or_job",
    "in a cron job": "test_retry_in_a_cron_job_waits_as_it_says",
    "job_timeout=None": "test_job_timeout_none_means_no_limit_and_one_run",
    "info().job_id": "test_info",
}


@functools.cache
def all_tests() -> dict[str, str]:
    """Return the names of all tests, and their docstrings."""
    definition = re.compile(r"^(?:async )?def ", re.MULTILINE)
    found = {}
    for path in TESTS.rglob("test_*.py"):
        for text in definition.split(path.read_text()):
            if text.startswith("test_"):
                head, _, body = text.partition(":\n")
                docstring = re.match(r'\s+"""(.*?)"""', body, re.DOTALL)
                found[head.partition("(")[0]] = docstring[1] if docstring else ""
    return found


def test_the_list_is_the_known_one() -> None:
    wanted = {9, 171, 196, 267, 309, 314, 320, 342, 343, 394, 401, 402, 407, 417, 447, 466, 472}
    assert set(NUMBERS) == wanted | {481, 482, 485, 498, 505, 531}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_test_names_the_issue(number: int) -> None:
    named = rf"(?<=_){number}(?=_|$)"
    said = rf"arq #(\d+, #)*{number}\b"
    assert [name for name, doc in all_tests().items() if re.search(named, name) or re.search(said, doc)]


@pytest.mark.parametrize("row", [row for issues, row in ROWS if issues == "–"])
def test_a_test_holds_what_has_no_number(row: str) -> None:
    [name] = [name for part, name in WITHOUT_NUMBER.items() if part in row]
    assert "arq" in all_tests()[name]
