"""What a client takes in of a directory before it knows what it is."""

from typing import Any

import pytest

from harbourlight.errors import Untrusted
from harbourlight.keys.directory import MOST_ENTRIES
from harbourlight.keys.memory import Memory
from harbourlight.keys.recipients import read_directory
from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs.checkpoints import Checkpoint

from .world import LOG, ORIGIN, TRUST


class Endless:
    """A ledger that signs more entries than anybody can hold."""

    async def get_checkpoint(self, _: int) -> pb.GetCheckpointResponse:
        signed = Checkpoint(LOG.verifier.name, MOST_ENTRIES + 1, bytes(32)).sign(LOG)
        return pb.GetCheckpointResponse(checkpoint=str(signed))

    async def list_entries(self, *_: int) -> pb.ListEntriesResponse:
        raise AssertionError("an entry was asked for")


async def test_a_directory_that_is_too_long_is_not_read_at_all() -> None:
    ledger: Any = Endless()
    with pytest.raises(Untrusted, match="are read at most"):
        await read_directory(ledger, TRUST, Memory(ORIGIN))
