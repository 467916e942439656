"""What the triage service listens to: event type -> reaction.

Acknowledgement: after the transaction that took the batch in (shared.consumer).
"""

from collections.abc import Iterable, Mapping

from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from services.triage import handlers
from services.triage.domain.model import Referral
from services.triage.store import cases, unsealings
from shared.cloudevents import Incoming
from shared.consumer import Subscription
from shared.database import Connection
from shared.erasure import KeyStore
from shared.reactions import Reaction, Reactions
from shared.receipts import Receipts

REACTIONS = {
    reporting.ReportFiled: handlers.report_filed,
    reporting.ReportAmended: handlers.report_amended,
    reporting.ReportWithdrawn: handlers.report_withdrawn,
    reporting.CaseErased: handlers.case_erased,
    remedy.RemedyClosed: handlers.remedy_closed,
    remedy.RemedyReopened: handlers.remedy_reopened,
}
_ERASED = reporting.CaseErased.DESCRIPTOR.full_name


class Erasing(Reactions[Referral]):
    """Reactions, and the end of the keys that erased cases have here."""

    def __init__(self, table: Mapping[str, Reaction[Referral]], keys: KeyStore) -> None:
        super().__init__(cases.REFERRALS, handlers.EMITTER, table)
        self._keys = keys
        self._receipts = Receipts(keys)

    async def load(self, connection: Connection, subjects: Iterable[str]) -> None:
        """As Reactions does."""
        self._erased: set[str] = set()
        await super().load(connection, subjects)

    def react(self, incoming: Incoming) -> None:
        """As Reactions does; the key goes whether or not a referral is known here."""
        super().react(incoming)
        if incoming.type == _ERASED:
            self._erased.add(incoming.subject)

    async def save(self, connection: Connection) -> None:
        """As Reactions does, and the keys last: what they wrapped is lost from here on."""
        self._events = await self._receipts.lodge_due(connection, self._events, handlers.committed)
        await super().save(connection)
        for subject in sorted(self._erased):
            await unsealings.erase(connection, subject)
            await self._keys.erase(connection, subject)


def subscription(keys: KeyStore) -> Subscription:
    """What the service takes in, with its erasure keys."""
    return Subscription.of("triage", REACTIONS, lambda table: Erasing(table, keys))
