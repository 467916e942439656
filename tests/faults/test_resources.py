"""What counts as more than a process had."""

from tests.faults.resources import Held, Holdings

_MIB = 1024 * 1024
BEFORE = Holdings({"reporting": Held(100 * _MIB, 40)}, sessions=20)


def test_what_allocators_keep_is_no_leak() -> None:
    assert Holdings({"reporting": Held(200 * _MIB, 60)}, sessions=25).beyond(BEFORE) == []


def test_memory_files_sessions_and_a_process_that_is_gone_are_told() -> None:
    assert Holdings({"reporting": Held(300 * _MIB, 90)}, sessions=90).beyond(BEFORE) == [
        "reporting had 100 MiB, has 300",
        "reporting had 40 files open, has 90",
        "there were 20 database sessions, are 90",
    ]
    assert Holdings({}, sessions=20).beyond(BEFORE) == ["reporting does not run"]
