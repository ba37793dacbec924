"""Keys files that commands change: nothing is lost but what was to be removed, and only the whole is seen."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobgate.gateway import KeysFileError
from jobgate.gateway.auth.key_entry import entries_of, new_key
from jobgate.gateway.auth.keys_document import KeysDocument
from jobgate.gateway.auth.keys_editor import edited_keys

DIGESTS = {name: str(number) * 64 for number, name in enumerate(("shop", "billing", "probe"))}
COMMENTED = f"""\
# Keys of the shop team.

# Anna's laptop
[[key]]
name = "shop"  # the web shop
sha256 = "{DIGESTS["shop"]}"
allow = [
  "enqueue:send_*",  # mails
  "read",
]
# ask Bob before changing this

# the nightly run
[[ key ]]
sha256="{DIGESTS["billing"]}"
allow=['enqueue:*']
not_after = 2030-01-01T00:00:00+02:00 # end of the contract
name='billing'
rate = 100

[[key]]
name = "probe"
sha256 = "{DIGESTS["probe"]}"
allow = ["metrics"]
# end of file
"""
MOMENT = datetime(2028, 2, 3, 4, 5, 6, tzinfo=UTC)


def changed(act: str, name: str, text: str = COMMENTED) -> str:
    document = KeysDocument(text)
    entry = next(one for one in document.entries if one.name == name)
    if act == "remove":
        document.remove(entry)
    else:
        document.expire(entry, MOMENT)
    return document.text


@pytest.mark.parametrize("name", DIGESTS)
def test_a_removed_entry_takes_no_comments_along(name: str) -> None:
    text = changed("remove", name)
    assert [entry.name for entry in entries_of(text)] == [other for other in DIGESTS if other != name]
    for line in COMMENTED.splitlines():
        if line.startswith("#"):
            assert line in text.splitlines()


def test_what_is_not_removed_stays_as_it_is_written() -> None:
    removed = changed("remove", "shop")
    assert removed == COMMENTED[: COMMENTED.index("[[key]]")] + COMMENTED[COMMENTED.index("# ask Bob") :]


def test_an_expiry_is_added_or_replaced_and_nothing_else_changes() -> None:
    added = changed("expire", "shop").splitlines()
    assert added.pop(10) == "not_after = 2028-02-03T04:05:06Z"
    assert added == COMMENTED.splitlines()
    replaced = changed("expire", "billing")
    former = "2030-01-01T00:00:00+02:00 # end"
    assert replaced == COMMENTED.replace(former, "2028-02-03T04:05:06Z # end")


def test_line_ends_of_windows_stay() -> None:
    text = changed("expire", "probe", COMMENTED.replace("\n", "\r\n"))
    assert text.count("\r\n") == text.count("\n") == COMMENTED.count("\n") + 1


def test_the_last_key_leaves_a_file_that_is_not_empty() -> None:
    _, text = new_key("a", ("read",))
    document = KeysDocument(text)
    document.remove(document.entries[0])
    assert document.text == "# There are no keys: no caller is admitted.\n"
    document.add(text)
    assert document.text == text


@pytest.mark.parametrize(
    "text",
    [
        f'key = [{{ name = "a", sha256 = "{"0" * 64}", allow = [] }}]',
        f'[[key]]\nname = "a"\nsha256 = "{"0" * 64}"\nallow = []\n"not_after" = 2030-01-01T00:00:00Z',
        f'[["key"]]\nname = "a"\nsha256 = "{"0" * 64}"\nallow = []',
    ],
)
def test_what_is_not_understood_is_refused_and_not_damaged(text: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(KeysFileError, match="change it with an editor"), edited_keys(path) as document:
        document.expire(document.entries[0], MOMENT)
    assert path.read_text() == text
    assert os.listdir(tmp_path) == ["keys.toml"]


def test_the_file_is_replaced_with_its_mode_behind_its_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file, link = tmp_path / "real" / "keys.toml", tmp_path / "link"
    file.write_text(COMMENTED)
    file.chmod(0o640)
    link.symlink_to(file)
    if os.geteuid() == 0:
        os.chown(file, 65532, 65532)
    before = file.stat()
    with edited_keys(link) as document:
        document.remove(document.entries[0])
    after = file.stat()
    assert link.is_symlink()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.listdir(file.parent) == ["keys.toml"]


def test_an_error_in_between_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(COMMENTED)

    def fail() -> None:
        with edited_keys(path) as document:
            document.remove(document.entries[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == COMMENTED


def test_commands_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"

    def add(name: str) -> None:
        with edited_keys(path, create=True) as document:
            document.add(new_key(name, ("read",))[1])

    threads = [threading.Thread(target=add, args=(f"n{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.name for entry in entries_of(path.read_text())} == {f"n{number}" for number in range(8)}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_save_of_an_editor_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(COMMENTED)

    def be_late() -> None:
        with edited_keys(path) as document:
            document.remove(document.entries[0])
            path.write_text(COMMENTED + "# saved\n")

    with pytest.raises(KeysFileError, match="changed by another program"):
        be_late()
    assert path.read_text() == COMMENTED + "# saved\n"


@pytest.mark.parametrize(
    "limit",
    [
        "rate = 0", "rate = -1", "rate = nan", "rate = inf", 'rate = "5"', "rate = true", "burst = 5",
        "rate = 5\nburst = 0", "rate = 5\nburst = 1.5", "pending = 0", "pending = 1.0", "waits = -1",
        "max_body = 0", "max_body = 100000000", "rates = 5",
    ],
)  # fmt: skip
def test_limits_that_cannot_be_used(limit: str) -> None:
    _, text = new_key("a", ("read",))
    with pytest.raises(KeysFileError, match=limit.rpartition("\n")[2].partition(" ")[0]):
        entries_of(f"{text}{limit}\n")


def test_limits_and_expiry_are_read_as_they_are_written() -> None:
    limits = {"rate": 0.5, "burst": 3, "pending": 10, "waits": 0, "max_body": 1000}
    not_after = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    _, text = new_key("a", ("read", "enqueue:*"), not_after=not_after, limits=limits)
    (entry,) = entries_of(text)
    assert (entry.text, entry.limits, entry.not_after) == (text, limits, not_after)
