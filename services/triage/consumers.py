"""What the triage service listens to: event type -> reaction.

Acknowledgement: after the transaction that took the batch in (shared.consumer).
"""

from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from services.triage import handlers
from services.triage.store import cases
from shared.consumer import Subscription
from shared.reactions import Reactions

REACTIONS = {
    reporting.ReportFiled: handlers.report_filed,
    reporting.ReportAmended: handlers.report_amended,
    reporting.ReportWithdrawn: handlers.report_withdrawn,
    remedy.RemedyClosed: handlers.remedy_closed,
    remedy.RemedyReopened: handlers.remedy_reopened,
}

SUBSCRIPTION = Subscription.of(
    "triage", REACTIONS, lambda table: Reactions(cases.REFERRALS, handlers.EMITTER, table)
)
