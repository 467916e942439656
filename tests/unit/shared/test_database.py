"""Which errors a transaction is tried again after."""

import asyncpg
import pytest

from shared.database import Conflict, is_passing

# A value that asyncpg cannot send, such as an integer that is too large, is an InterfaceError too.
UNSENDABLE = asyncpg.exceptions._base.DataError("value out of int64 range")


@pytest.mark.parametrize(
    "error",
    [
        Conflict("another was first"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.InterfaceError("the connection is closed"),
        ConnectionResetError("reset"),
    ],
)
def test_what_passes_by_itself_is_tried_again(error: Exception) -> None:
    assert is_passing(error)


@pytest.mark.parametrize(
    "error", [UNSENDABLE, asyncpg.CheckViolationError("refused"), ValueError("no"), KeyError("no")]
)
def test_what_would_fail_again_is_not(error: Exception) -> None:
    assert isinstance(UNSENDABLE, asyncpg.InterfaceError)
    assert not is_passing(error)
