"""`jobgate key`: keys are made, listed, replaced and revoked; only new ones are ever shown."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jobgate.cli.commands.operate.key import command
from jobgate.cli.commands.run import gateway
from jobgate.cli.options import logs
from jobgate.gateway import GatewaySettings
from jobgate.gateway.auth.keys_file import KeysFile
from jobgate.gateway.http.problems import Problem

#: Options that configure the log of a process.
LOGGING = ("log_config", "log_format", "verbose")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def run(file: Path, *words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--keys", str(file)])


def new(file: Path, *words: str) -> str:
    done = run(file, "new", *words)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def entries(file: Path) -> list[dict[str, Any]]:
    return list(tomllib.loads(file.read_text())["key"])


def admits(file: Path, key: str) -> bool:
    keys = KeysFile(file)
    keys.load()
    try:
        keys.caller(f"Bearer {key}")
    except Problem:
        return False
    return True


def test_a_list_shows_what_each_key_may_do_and_no_key(file: Path) -> None:
    keys = [
        new(file, "shop", "--allow", "enqueue:send_*", "--allow", "read", "--rate", "50", "--burst", "100"),
        new(file, "probe", "--allow", "metrics", "--expires-in", "1h"),
    ]
    done = run(file, "list")
    head, shop, probe = done.stdout.splitlines()
    assert head.split() == ["name", "key", "allow", "limits", "expires"]
    assert shop.split() == [
        "shop", entries(file)[0]["sha256"][:12], "enqueue:send_*", "read", "rate=50", "burst=100", "never"
    ]  # fmt: skip
    assert probe.split()[:4] == ["probe", entries(file)[1]["sha256"][:12], "metrics", "-"]
    as_json = run(file, "list", "--json")
    first, second = map(json.loads, as_json.stdout.splitlines())
    assert first == {
        "name": "shop",
        "key": entries(file)[0]["sha256"][:12],
        "allow": ["enqueue:send_*", "read"],
        "limits": {"rate": 50, "burst": 100},
        "not_after": None,
        "expired": False,
    }
    expires = datetime.fromisoformat(second["not_after"])
    assert timedelta(minutes=59) < expires - datetime.now(UTC) <= timedelta(hours=1)
    for key in keys:
        assert key not in done.output + as_json.output
        assert key not in file.read_text()


def test_a_rotated_key_works_and_the_former_one_for_the_overlap(file: Path) -> None:
    former = new(file, "shop", "--allow", "read", "--pending", "5")
    done = run(file, "rotate", "shop", "--overlap", "2h")
    assert done.exit_code == 0, done.output
    made = done.stdout.strip()
    assert former not in done.output
    assert admits(file, former)
    assert admits(file, made)
    old, fresh = entries(file)
    assert timedelta(minutes=119) < old["not_after"] - datetime.now(UTC) <= timedelta(hours=2)
    assert fresh["allow"] == old["allow"]
    assert fresh["pending"] == 5
    assert "not_after" not in fresh

    assert run(file, "rotate", "shop", "--overlap", "0").exit_code == 0
    assert not admits(file, made)
    assert not admits(file, former)


def test_a_rotation_lengthens_no_expiry(file: Path) -> None:
    new(file, "shop", "--allow", "read", "--expires-in", "1h")
    expires = entries(file)[0]["not_after"]
    assert run(file, "rotate", "shop").exit_code == 0
    assert entries(file)[0]["not_after"] == expires


def test_keys_of_one_name_that_differ_are_rotated_one_by_one(file: Path) -> None:
    new(file, "shop", "--allow", "read")
    new(file, "shop", "--allow", "metrics")
    before = file.read_text()
    done = run(file, "rotate", "shop")
    assert done.exit_code == 1
    assert "differ in scopes or limits: choose one with --prefix" in done.stderr
    assert file.read_text() == before
    prefix = entries(file)[1]["sha256"][:8]
    assert run(file, "rotate", "shop", "--prefix", prefix).exit_code == 0
    read, metrics, fresh = entries(file)
    assert "not_after" not in read
    assert "not_after" in metrics
    assert fresh["allow"] == ["metrics"]


def test_revoked_keys_are_refused(file: Path) -> None:
    kept = new(file, "other", "--allow", "read")
    revoked = [new(file, "shop", "--allow", "read") for _ in range(3)]
    prefix = entries(file)[1]["sha256"][:8]
    assert run(file, "revoke", "shop", "--prefix", prefix).exit_code == 0
    assert [admits(file, key) for key in revoked] == [False, True, True]
    done = run(file, "revoke", "shop")
    assert done.stderr.count("Revoked the key") == 2
    assert [admits(file, key) for key in revoked] == [False] * 3
    assert admits(file, kept)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["revoke", "shopp"], "There is no key of shopp, did you mean 'shop'?"),
        (["rotate", "nobody"], "There is no key of nobody; see `jobgate key list`."),
        (["revoke", "shop", "--prefix", "zz"], "No key of shop begins with 'zz'. There are: "),
        (["revoke", "shop", "--prefix", ""], "begins with ''. There are: "),
        (["rotate", "shop", "--overlap", "a day"], "'a day' is not a duration such as 90s, 30m, 24h or 7d"),
        (["rotate", "shop", "--overlap", "99999d"], "up to 3660d"),
        (["new", "shop", "--allow", "read", "--rate", "0"], "The rate must be a number from 0.001"),
        (["new", "shop", "--allow", "read", "--burst", "5"], "The burst needs a rate."),
    ],
)
def test_errors_say_what_to_do_and_change_nothing(words: list[str], message: str, file: Path) -> None:
    new(file, "shop", "--allow", "read")
    before = file.read_text()
    done = run(file, *words)
    assert done.exit_code in {1, 2}
    assert message in done.stderr
    assert file.read_text() == before


def test_text_in_the_variable_is_listed_but_not_changed(file: Path) -> None:
    new(file, "shop", "--allow", "read")
    variable = {"JOBGATE_KEYS": file.read_text()}
    assert "shop" in CliRunner().invoke(command, ["list"], env=variable).stdout
    done = CliRunner().invoke(command, ["revoke", "shop"], env=variable)
    assert done.exit_code == 2
    assert "JOBGATE_KEYS holds the text of the keys" in done.stderr


def test_a_folder_is_listed_but_its_files_are_changed_by_name(file: Path) -> None:
    new(file, "shop", "--allow", "read")
    assert "shop" in run(file.parent, "list").stdout
    done = run(file.parent, "revoke", "shop")
    assert done.exit_code == 1
    assert "is a folder: give the file in it with --keys." in done.stderr


def test_a_missing_file_is_named(file: Path) -> None:
    for words in (["list"], ["revoke", "shop"], ["rotate", "shop"]):
        done = run(file, *words)
        assert done.exit_code == 1
        assert f"The keys file {file} cannot be used: No such file or directory" in done.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/etc/jobgate/keys.toml", {"keys_file": Path("/etc/jobgate/keys.toml")}),
        ("keys", {"keys_file": Path("keys")}),
        ("# keys\n", {"keys_text": "# keys\n"}),
        ('[[key]] # name = "a"', {"keys_text": '[[key]] # name = "a"'}),
    ],
)
def test_the_gateway_tells_text_from_a_path(
    value: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever has a line end or [[key]] is the text of a keys file."""
    made: list[GatewaySettings] = []
    monkeypatch.setattr(gateway, "run", lambda settings, *_: made.append(settings))
    monkeypatch.setattr(logs, "set_up_log", lambda options, **_: [options.pop(one) for one in LOGGING])
    done = CliRunner().invoke(gateway.command, [], env={"JOBGATE_KEYS": value})
    assert done.exit_code == 0, done.output
    (settings,) = made
    found = {name: getattr(settings, name) for name in ("keys_file", "keys_text")}
    assert {name: one for name, one in found.items() if one is not None} == expected
    assert settings.has_keys
    assert "[[key]]" not in repr(settings)
