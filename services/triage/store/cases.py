"""Referrals: the row of each case, which is locked and decided on, and those that follow it."""

from collections.abc import Sequence

from harbourlight.triage.v1 import triage_pb2
from services.triage.domain import referral, transfer
from services.triage.domain.model import Referral, TransferState
from services.triage.store import unsealings
from shared.database import Connection
from shared.records import Column, Records

BY_REFERRAL_ID = (
    "subject = (SELECT split_part(subject, '/', 1) FROM referrals WHERE referral_id = $1)"
)
"""Condition on the row of the case that a referral belongs to, held or not."""


class Referrals(Records[Referral]):
    """Rows of referrals, and what follows from them for other desks and for custodians."""

    async def save(
        self, connection: Connection, changes: Sequence[tuple[str, Referral, int]]
    ) -> None:
        """As Records does; what was offered, what has gone on and unsealings follow."""
        moved = [(state, revision) for _, state, revision in changes if state.transfers]
        beside = [one for state, _ in moved for one in await self._gone(connection, state)]
        await super().save(connection, changes)
        for state, revision in moved:
            beside += await self._offered(connection, state, revision)
        await super().save(connection, beside)
        await unsealings.follow(connection, [state for _, state, _ in changes])

    async def _gone(
        self, connection: Connection, state: Referral
    ) -> list[tuple[str, Referral, int]]:
        """The sender's referral for its record, where another desk takes the case over now."""
        row = await connection.fetchrow(
            "SELECT referral_id, revision, body FROM referrals WHERE subject = $1", state.handle
        )
        if row is None or str(row["referral_id"]) == state.referral_id:
            return []
        await connection.execute(
            "DELETE FROM referrals WHERE subject = $1", _beside(state.handle, state.referral_id)
        )
        before = self.read(row["body"])
        subject = _beside(before.handle, before.referral_id)
        return [(subject, transfer.gone(before), row["revision"])]

    async def _offered(
        self, connection: Connection, state: Referral, revision: int
    ) -> list[tuple[str, Referral, int]]:
        """The referrals that wait at other desks, and those that have waited until now.

        They are saved as often as the case is, so that they have its revision.
        """
        offers = {
            _beside(state.handle, one.referral_id): one
            for one in state.transfers
            if one.state != TransferState.ACCEPTED
        }
        rows = await connection.fetch(
            "SELECT subject, state, revision FROM referrals WHERE subject = ANY($1)", [*offers]
        )
        there = {row["subject"]: row for row in rows}
        return [
            (
                subject,
                transfer.offered(state, one),
                there[subject]["revision"] if subject in there else revision,
            )
            for subject, one in offers.items()
            if subject not in there or there[subject]["state"] == TransferState.REQUESTED
        ]


def _beside(handle: str, referral_id: str) -> str:
    return f"{handle}/{referral_id}"


REFERRALS = Referrals(
    "referrals",
    Referral,
    triage_pb2.Referral,
    {
        "referral_id": Column("uuid", lambda it: it.referral_id),
        "state": Column("text", lambda it: str(it.state)),
        "desk": Column("text", lambda it: it.desk),
        "country": Column("text", lambda it: it.facts.country),
        "sector": Column("text", lambda it: it.facts.sector),
        "exploitation_type": Column("text", lambda it: it.facts.exploitation_type),
        "priority": Column("text", lambda it: str(it.priority)),
        "came_forward_at": Column("timestamptz", lambda it: it.came_forward_at),
        "received_at": Column("timestamptz", lambda it: it.received_at),
        "clock_at": Column("timestamptz", referral.next_moment),
    },
)
