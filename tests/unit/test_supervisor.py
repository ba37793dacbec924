"""The pauses of the supervisor; its processes are in tests/integration/test_worker_operations.py."""

from jobgate.cli.supervisor import pause_after


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause_after(deaths) for deaths in (1, 2, 3, 6, 7, 8, 10**6)] == [0.5, 1, 2, 16, 30, 30, 30]
