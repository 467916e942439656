"""What the reporting service listens to: event type -> reaction.

Acknowledgement: after the transaction that took the batch in (shared.consumer).
"""

from harbourlight.triage.v1 import events_pb2 as triage
from services.reporting import handlers, store
from shared.consumer import Subscription
from shared.reactions import Reactions

REACTIONS = {
    triage.ReferralRequested: handlers.referral_moved,
    triage.ReferralAccepted: handlers.referral_accepted,
    triage.ReferralRejected: handlers.referral_moved,
    triage.ReferralProgressed: handlers.referral_progressed,
    triage.ReferralFailed: handlers.referral_moved,
    triage.ReferralCompleted: handlers.referral_moved,
    triage.ReferralCancelled: handlers.referral_moved,
    triage.ProtectionDecided: handlers.protection_decided,
    triage.OfficerRecused: handlers.officer_recused,
}

SUBSCRIPTION = Subscription.of(
    "reporting", REACTIONS, lambda table: Reactions(store.CASES, handlers.EMITTER, table)
)
