"""API keys: new ones, their scopes, and files that hold them."""

import contextlib
import os
from pathlib import Path

import pytest

from jobgate.gateway.auth.callers import ANYBODY, Caller
from jobgate.gateway.auth.key_entry import new_key
from jobgate.gateway.auth.keys_file import KeysFile, KeysText
from jobgate.gateway.http.problems import Problem
from jobgate.gateway.settings import KeysFileError


def test_a_new_key_admits_its_caller(tmp_path: Path) -> None:
    key, entry = new_key("billing", ("enqueue:send_*", "read"))
    path = tmp_path / "keys.toml"
    path.write_text(entry)
    assert key not in entry
    keys = KeysFile(path)
    keys.load()
    caller = keys.caller(f"Bearer {key}")
    assert caller.name == "billing"
    caller.require_function("send_invoice")
    caller.require("read")
    for scope in ("abort", "inspect", "metrics", "read:*"):
        with pytest.raises(Problem):
            caller.require(scope)
    with pytest.raises(Problem):
        caller.require_function("resend_invoice")
    assert caller.sees("billing")
    assert not caller.sees("other")
    assert not caller.sees(None)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic {key}", "{key}", "Bearer {key}x"]
)
def test_other_credentials_are_refused(header: str | None, tmp_path: Path) -> None:
    key, entry = new_key("billing", ("read",))
    (tmp_path / "keys.toml").write_text(entry)
    keys = KeysFile(tmp_path / "keys.toml")
    keys.load()
    with pytest.raises(Problem) as caught:
        keys.caller(header.format(key=key) if header else header)
    assert caught.value.code == "unauthorized"
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}


def test_keys_end_and_are_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.toml"
    old, old_entry = new_key("billing", ("read",))
    new, new_entry = new_key("billing", ("read",))
    path.write_text(old_entry + new_entry)
    keys = KeysFile(path)
    keys.load()
    assert keys.caller(f"Bearer {old}") == keys.caller(f"bearer {new}")

    path.write_text(f"{old_entry}not_after = 2020-01-01T00:00:00Z\n{new_entry}")
    os.utime(path, ns=(1, 1))
    keys.refresh()
    keys.caller(f"Bearer {new}")
    with pytest.raises(Problem):
        keys.caller(f"Bearer {old}")

    path.write_text("not toml")
    os.utime(path, ns=(2, 2))
    with caplog.at_level("ERROR"):
        keys.refresh()
    assert "previous keys stay" in caplog.text
    keys.caller(f"Bearer {new}")


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "key = 1",
        "key = [1]",
        "key = [[]]",
        'key = ["a"]',
        "key = " + "[" * 5000,
        "key = " + "1" * 5000,
        "\udcff",
        '[[key]]\nname = "a"',
        '[[key]]\nname = "a b"\nsha256 = "{digest}"\nallow = []',
        '[[key]]\nname = "a"\nsha256 = "abc"\nallow = []',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = ["everything"]',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = ["operate:*"]',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = "read"',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = [["read"], {}]',
        "[[key]]\nname = [1]\nsha256 = {}\nallow = []",
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = ["read"]\nallows = []',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = []\nnot_after = 2020-01-01',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = []\nwaits = -1',
    ],
)
def test_keys_files_that_cannot_be_used(text: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text.replace("{digest}", "0" * 64), errors="surrogateescape")
    with pytest.raises(
        KeysFileError, match=rf"^The keys file {path} cannot be used: .*\. `jobgate key new .*\.$"
    ):
        KeysFile(path).load()


def test_a_keys_file_that_stays_away_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.toml"
    key, entry = new_key("billing", ("read",))
    path.write_text(entry)
    keys = KeysFile(path)
    keys.load()
    path.unlink()
    for _ in range(3):
        keys.refresh()
    assert caplog.text.count("previous keys stay") == 1
    path.write_text("# nobody\n")
    keys.refresh()
    with pytest.raises(Problem):
        keys.caller(f"Bearer {key}")
    path.unlink()
    keys.refresh()
    assert caplog.text.count("previous keys stay") == 2


def test_a_folder_of_keys_is_read_like_one_file(tmp_path: Path) -> None:
    """As Kubernetes mounts a secret: an update swaps the link `..data`, and all files change at once."""
    made = {name: new_key(name, ("read",)) for name in ("shop", "billing", "late")}

    def version(number: int, *names: str) -> None:
        (tmp_path / f"..{number}").mkdir()
        for name in names:
            (tmp_path / f"..{number}" / name).write_text(made[name][1])
        (tmp_path / "..data_tmp").symlink_to(f"..{number}")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    def admitted() -> list[str]:
        found = []
        for name, (key, _) in made.items():
            with contextlib.suppress(Problem):
                found.append(keys.caller(f"Bearer {key}").name or name)
        return found

    version(1, "shop", "billing")
    for name in ("shop", "billing"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    (tmp_path / ".hidden").write_text("not toml")
    (tmp_path / "shop~").write_text("not toml")
    (tmp_path / "lost+found").mkdir()
    keys = KeysFile(tmp_path)
    keys.load()
    assert admitted() == ["shop", "billing"]
    version(2, "shop", "late")
    (tmp_path / "billing").unlink()
    (tmp_path / "late").symlink_to("..data/late")
    keys.refresh()
    assert admitted() == ["shop", "late"]


def test_a_folder_that_loses_its_files_admits_nobody_new_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, entry = new_key("shop", ("read",))
    (tmp_path / "shop").write_text(entry)
    keys = KeysFile(tmp_path)
    keys.load()
    (tmp_path / "shop").unlink()
    keys.refresh()
    assert "the folder has no files; it may not be mounted yet" in caplog.text
    keys.caller(f"Bearer {key}")
    (tmp_path / "shop").write_text("# nobody\n")
    keys.refresh()
    with pytest.raises(Problem):
        keys.caller(f"Bearer {key}")


def test_a_fragment_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "good").write_text(new_key("shop", ("read",))[1])
    (tmp_path / "wrong").write_text("[[key]]\nname = 1\n")
    with pytest.raises(
        KeysFileError, match=rf"^The keys file {tmp_path}/wrong cannot be used: entry 1: name"
    ):
        KeysFile(tmp_path).load()


def test_a_mount_that_still_shows_a_replaced_file_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bind mount of one file keeps leading to the former file, here for ever: a revoked key must end."""
    _, entry = new_key("shop", ("read",))
    path = tmp_path / "keys.toml"
    path.write_text(entry)
    with path.open() as file:
        keys = KeysFile(Path(f"/proc/self/fd/{file.fileno()}"))
        keys.load()
        path.unlink()
        keys.refresh()
    assert "it was replaced outside of this container; mount its folder" in caplog.text


def test_keys_can_be_given_as_text() -> None:
    key, entry = new_key("shop", ("read",))
    assert KeysText(f"# all keys\n{entry}").caller(f"Bearer {key}").name == "shop"
    with pytest.raises(KeysFileError, match=r"^The text of the keys cannot be used: entry 1: "):
        KeysText("[[key]]")


def test_a_missing_keys_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeysFileError, match="No such file or directory"):
        KeysFile(tmp_path / "none.toml").load()


@pytest.mark.parametrize(
    ("scopes", "owner", "reaches", "retries"),
    [
        ({"read"}, "me", True, True),
        ({"read"}, "other", False, False),
        ({"read:*"}, "other", True, False),
        ({"read:*"}, None, True, False),
        ({"operate"}, "other", True, True),
        ({"operate"}, None, True, True),
    ],
)
def test_who_may_retry(scopes: set[str], owner: str | None, reaches: bool, retries: bool) -> None:
    caller = Caller(name="me", scopes=frozenset(scopes), functions=("send_*",))
    assert caller.reaches(owner) == reaches
    if retries:
        caller.require_retry("send_mail", owner)
    else:
        with pytest.raises(Problem, match="forbidden"):
            caller.require_retry("send_mail", owner)


def test_a_retry_of_an_own_job_needs_its_function() -> None:
    caller = Caller(name="me", scopes=frozenset({"read", "abort"}), functions=("send_*",))
    with pytest.raises(Problem, match="forbidden"):
        caller.require_retry("drop_tables", "me")


def test_anybody_may_do_everything() -> None:
    ANYBODY.require("metrics")
    ANYBODY.require("operate")
    ANYBODY.require_retry("f", "x")
    ANYBODY.require_function("f")
    assert ANYBODY.sees("x")
    assert ANYBODY.inspects
