"""Whom a case's things are sealed to: chosen from the verified directory, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harbourlight.auditor import Ledger
from harbourlight.errors import Untrusted
from harbourlight.keys.directory import MOST_ENTRIES, Directory, Key, open_directory
from harbourlight.keys.entries import Kind
from harbourlight.keys.memory import KeyChanged, Memory
from harbourlight.keys.trust import Trust
from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs.checkpoints import open_checkpoint
from harbourlight.proofs.notes import BadNote
from harbourlight.routing import RoutingTable


@dataclass(frozen=True)
class Recipients:
    """The keys that count now for one case."""

    desk: Key
    custodian: Key
    alternate: Key
    changed: tuple[KeyChanged, ...]
    """What to tell whoever seals, before it is sealed."""


def choose(
    directory: Directory,
    memory: Memory,
    table: RoutingTable,
    *,
    desk: str,
    country: str,
    at: datetime | None = None,
) -> Recipients:
    """The keys of a desk of `table`, and of the custodians for the country.

    Remembers them; `memory.save()` is the caller's. Raises Untrusted where the table is not the
    one in force, or a key is missing.
    """
    at = at or datetime.now(UTC)
    directory.check_routing(table)
    if desk not in table.desks:
        raise Untrusted(f"the routing table {table.version} knows no desk {desk}")
    lead = directory.current(Kind.DESK, desk, country, at)
    custodian = directory.any_current(Kind.CUSTODIAN, country, at)
    alternate = directory.any_current(Kind.ALTERNATE, country, at)
    owner = lead.entry.organisation
    if owner in (custodian.entry.organisation, alternate.entry.organisation):
        raise Untrusted(
            f"desk and custodian are both of {owner}, which alone could learn who reports: nothing "
            "is sealed"
        )
    changed = [memory.used(directory, key) for key in (lead, custodian, alternate)]
    return Recipients(lead, custodian, alternate, tuple(one for one in changed if one))


async def read_directory(
    ledger: Ledger, trust: Trust, memory: Memory, known: Directory | None = None
) -> Directory:
    """The directory as it is now, verified, and continuing what `memory` has seen.

    `known` is what was read before with the same `memory`: it is it again where its tree is still
    the log's. `memory.save()` is the caller's. Raises Untrusted.
    """
    answer = await ledger.get_checkpoint(pb.LOG_DIRECTORY)
    try:
        checkpoint = open_checkpoint(answer.checkpoint, trust.directory.log).checkpoint
    except BadNote as error:
        raise Untrusted(
            f"the directory's checkpoint is not signed by {trust.directory.log.name}, the log "
            f"that this client trusts: {error}"
        ) from None
    if known and known.trust == trust and known.checkpoint == checkpoint:
        return known
    entries = await _entries(ledger, checkpoint.size)
    directory = open_directory(trust, answer.checkpoint, entries)
    memory.follow(directory, entries)
    return directory


async def _entries(ledger: Ledger, size: int) -> Sequence[bytes]:
    found: list[bytes] = []
    if size > MOST_ENTRIES:
        raise Untrusted(f"the directory has {size} entries, and {MOST_ENTRIES} are read at most")
    while len(found) < size:
        page = await ledger.list_entries(pb.LOG_DIRECTORY, len(found))
        if not page.entries:
            break
        found += [one.value for one in page.entries]
    # More may have been published since the checkpoint.
    return found[:size]
