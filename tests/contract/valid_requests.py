"""One valid request of every method."""

import uuid
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from shared import contract

_FACTS = {
    "country": "MY",
    "sector": "ISIC_C",
    "exploitation_type": 1,
    "child_involved": 3,
    "indicators": ["DEBT_BONDAGE"],
}
_ITEM = {"kind": 1, "indicator": 9, "beneficiaries": 40, "due_date": "2027-01-31"}
_ID = str(uuid.UUID(int=7, version=4))
_SEAL = {"key_id": "0123456789abcdef", "ciphertext": b"sealed"}


def _brief(handle: str) -> dict[str, Any]:
    """What an officer puts before custodians."""
    return {
        "handle": handle,
        "referral_id": _ID,
        "legal_basis": 2,
        "number": 1,
        "one_time_key": bytes(1216),
        "identity_version": 1,
        "identity_hash": bytes(32),
        "custodian_seal": _SEAL,
        "alternate_seal": _SEAL,
        "custodian": "bar-association",
        "alternate": "ombudsman",
        "explanation": {"number": 1, "payload": b"sealed"},
        "signer_key_id": "0123456789abcdef",
        "signer": bytes(32),
        "signature": bytes(64),
    }


_CONTENT = {"number": 1, "epoch": 1, "payload": b"x"}
# What a request needs beside request_id, handle, referral_id and item_id.
_MORE: dict[str, dict[str, Any]] = {
    "reporting.v1.PlaceMarkerRequest": {
        "country": "MY",
        "sector": "ISIC_C",
        "exploitation_type": 1,
    },
    "reporting.v1.PerfectMarkerRequest": {"facts": _FACTS},
    "reporting.v1.SubmitReportRequest": {"facts": _FACTS},
    "reporting.v1.AmendReportRequest": {"facts": _FACTS},
    "reporting.v1.WithdrawReportRequest": {"reason": 1},
    "reporting.v1.SendMessageRequest": {"purpose": 1, "content": _CONTENT},
    "reporting.v1.ResealCaseRequest": {"desk": "POLICE", "half": _SEAL},
    "reporting.v1.EraseCaseRequest": {"reason": 1},
    "reporting.v1.AddEvidenceRequest": {"content": _CONTENT, "size": 1, "sha256": bytes(32)},
    "reporting.v1.GetEvidenceRequest": {"number": 1},
    "triage.v1.RejectReferralRequest": {"reason": 1},
    "triage.v1.RequestInformationRequest": {"topics": [1]},
    "triage.v1.RecordProgressRequest": {"state": 4},
    "triage.v1.CompleteReferralRequest": {"outcome": 1},
    "triage.v1.DecideProtectionRequest": {"decision": 2},
    "triage.v1.TransferReferralRequest": {"desk": "POLICE", "reason": 1},
    "triage.v1.ReleaseFactsRequest": {
        "facility_id": "CN2021250D1DTN7",
        "signer": bytes(32),
        "receipt_nonce": bytes(32),
    },
    "triage.v1.RequestUnsealingRequest": {"receipt_nonce": bytes(32)},
    "triage.v1.GrantUnsealingRequest": {
        "half": _SEAL,
        "signer": bytes(32),
        "receipt_nonce": bytes(32),
    },
    "triage.v1.RefuseUnsealingRequest": {
        "reason": 1,
        "signer": bytes(32),
        "receipt_nonce": bytes(32),
    },
    "remedy.v1.ProposePlanRequest": {"items": [_ITEM]},
    "remedy.v1.RecordProgressRequest": {"state": 3},
    "remedy.v1.VerifyItemRequest": {"method": 1},
    "remedy.v1.DisputeItemRequest": {"reason": 1},
    "remedy.v1.CancelItemRequest": {"reason": 1},
    "ledger.v1.GetCheckpointRequest": {"log": 1},
    "ledger.v1.GetReceiptRequest": {"commitment": bytes(32)},
    "ledger.v1.GetInclusionProofRequest": {"log": 1, "index": 0},
    "ledger.v1.GetConsistencyProofRequest": {"log": 1},
    "ledger.v1.ListEntriesRequest": {"log": 1},
    "ledger.v1.AddCosignatureRequest": {"log": 1, "checkpoint": b"note"},
    "ledger.v1.PublishEntryRequest": {"entry": b"note"},
}


def valid_request(method: MethodDescriptor, handle: str) -> Message:
    """A request that passes every check; about the case with this handle where it names one."""
    names = method.input_type.fields_by_name
    filled: dict[str, Any] = {
        name: handle if name == "handle" else _ID
        for name in ("request_id", "handle", "referral_id", "item_id", "unsealing_id")
        if name in names
    }
    more = _MORE.get(method.input_type.full_name.removeprefix("harbourlight."), {})
    if "brief" in names:
        filled["brief"] = _brief(handle)
    return contract.message_class(method.input_type)(**filled, **more)
