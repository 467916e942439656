"""What the remedy service listens to: event type -> reaction.

Acknowledgement: after the transaction that took the batch in (shared.consumer).
"""

from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from services.remedy import handlers, store
from shared.consumer import Subscription
from shared.reactions import Reactions

REACTIONS = {
    reporting.ReportFiled: handlers.report_filed,
    reporting.ReportAmended: handlers.report_amended,
    triage.ReferralAccepted: handlers.referral_accepted,
    triage.ReferralRejected: handlers.referral_ended,
    triage.ReferralFailed: handlers.referral_ended,
    triage.ReferralCancelled: handlers.referral_ended,
}

SUBSCRIPTION = Subscription.of(
    "remedy", REACTIONS, lambda table: Reactions(store.REMEDIES, handlers.EMITTER, table)
)
