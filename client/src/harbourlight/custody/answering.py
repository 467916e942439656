"""The custodian answers: checks first, then releases its half or keeps it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from harbourlight import unsealing
from harbourlight.custody.asking import custodian_key
from harbourlight.custody.common import HALF, REASON, REMARK, context, one_time, parse, written
from harbourlight.errors import CannotOpen, Untrusted
from harbourlight.keys.directory import Directory, Key
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyFile, KeyRing
from harbourlight.proofs import receipts
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.receipts import BadReceipt, ReceiptText, Verified
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import content, hpke, signed
from harbourlight.sealing.hpke import Role
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as types

_EVENT = "harbourlight.triage.v1.UnsealingRequested"
ANSWER_WITHIN = timedelta(days=14)
"""How long a request stands: one that lapsed, or that was answered then, is not answered again."""


@dataclass(frozen=True)
class Checked:
    """A request that holds: whose it is, and where it is in the ledger."""

    record: pb.UnsealingRecord
    officer: Key
    desk: Key
    """That certified the officer."""
    proof: Verified

    def public_key_of(self, key_id: str) -> bytes:
        """Of the officer who asks, and of nobody else (see `sealing.signed`). Raises Untrusted."""
        if key_id != self.officer.key_id:
            raise Untrusted("this was written by somebody else than the officer who asks")
        return self.officer.entry.signing

    @property
    def text(self) -> str:
        """What was checked, for people."""
        return (
            f"asked by officer {self.officer.entry.name} of {self.desk.entry.name} "
            f"({self.desk.entry.organisation}); entry {self.proof.index} of {self.proof.log}, "
            f"{self.proof.verdict}"
        )


def check(
    record: pb.UnsealingRecord,
    *,
    directory: Directory,
    policy: LogPolicy,
    proof: str | bytes,
    at: datetime,
) -> Checked:
    """Whether a request is an officer's of its desk and in the ledger.

    `proof` is the ledger's for the receipt that came with the request. Raises Untrusted, which
    says what does not hold: then nothing may be released.
    """
    brief, stands = record.brief, record.unsealing
    said = (stands.number, stands.legal_basis, stands.custodian, stands.alternate)
    if said != (brief.number, brief.legal_basis, brief.custodian, brief.alternate):
        raise Untrusted("the platform says something else of the request than the officer signed")
    officer, desk = _asker(record, directory, at)
    for seal, kind, organisation in (
        (brief.custodian_seal, Kind.CUSTODIAN, brief.custodian),
        (brief.alternate_seal, Kind.ALTERNATE, brief.alternate),
    ):
        if custodian_key(directory, seal.key_id, kind).entry.organisation != organisation:
            raise Untrusted(f"key {seal.key_id} is not one of {organisation}")
    proven = _proven(record, policy, proof)
    if at > proven.text.time + ANSWER_WITHIN:
        raise Untrusted(
            f"the request was made on {proven.text.time:%Y-%m-%d} and stood for "
            f"{ANSWER_WITHIN.days} days: the desk has to ask again"
        )
    return Checked(record, officer, desk, proven)


def _asker(record: pb.UnsealingRecord, directory: Directory, at: datetime) -> tuple[Key, Key]:
    """The officer's key that signed the brief, and the desk's that certified it."""
    brief, desk = record.brief, record.unsealing.desk
    try:
        unsealing.verify(brief)
    except unsealing.BadBrief as error:
        raise Untrusted(f"the request is not signed as it should be: {error}") from None
    officer = directory.find(brief.signer_key_id)
    if officer.entry.kind is not Kind.OFFICER or officer.entry.signing != brief.signer:
        raise Untrusted(f"key {brief.signer_key_id} is not the officer's who signed the request")
    if problem := directory.problem(officer, at):
        raise Untrusted(f"the officer's key {brief.signer_key_id} does not count: {problem}")
    desks = [one for one in directory.desks_of(officer, at) if one.entry.name == desk]
    if not desks:
        raise Untrusted(f"no desk {desk} certified the officer {officer.entry.name}")
    return officer, desks[0]


def _proven(record: pb.UnsealingRecord, policy: LogPolicy, proof: str | bytes) -> Verified:
    brief = record.brief
    try:
        text = ReceiptText.parse(record.receipt.text)
        nonce = unsealing.receipt_nonce(brief)
        salt = receipts.derive_salt(nonce, brief.signer, record.request_hash)
        if (text.handle, text.event_type, text.salt) != (brief.handle, _EVENT, salt):
            raise BadReceipt("its receipt is of something else than this request")
        return receipts.verify(proof, policy, text=record.receipt.text)
    except (BadReceipt, BadNote, ValueError) as error:
        raise not_in_ledger(str(error)) from None


def not_in_ledger(why: str) -> Untrusted:
    """The refusal to release anything for a request that nobody else could see."""
    return Untrusted(
        f"the request is not proven to be in the ledger: {why}. Nothing is released for it, "
        "because the company might never learn of it"
    )


def expect_witnessed(checked: Checked, policy: LogPolicy) -> None:
    """Returns where enough of the trusted witnesses saw the request in the ledger, or none is.

    A log can show one reader a tree of its own, with the request in it. Raises Untrusted.
    """
    if policy.witnesses and not checked.proof.is_witnessed:
        raise Untrusted(
            f"the request is in the ledger by the ledger's word alone ({checked.proof.verdict}): "
            "it may be shown to you and to nobody else. Nothing is released for it. Try again in a "
            "minute, or release it unwitnessed, where you know that nobody runs a witness"
        )


def read_reason(checked: Checked, ring: KeyRing) -> str:
    """Why the officer asks, in the officer's words. Raises CannotOpen, Untrusted."""
    brief = checked.record.brief
    role, seal, key = _own(brief, ring)
    data = content.open_as(
        brief.explanation,
        handle=brief.handle,
        kind=REASON,
        role=role,
        key_id=seal.key_id,
        private_key=key.opens(),
    )
    found = written(data, brief, REASON, checked.public_key_of, {brief.custodian_seal.key_id})
    return parse(plain.UnsealingReason, found.body).text


def release(checked: Checked, ring: KeyRing) -> tuple[types.Seal, KeyFile]:
    """The half, signed inside and sealed to the one-time key; and the key that signed it.

    Raises CannotOpen where the half cannot be opened.
    """
    brief = checked.record.brief
    role, seal, key = _own(brief, ring)
    half = hpke.open_in(context(brief, role, seal.key_id), seal, key.opens())
    recipient = one_time(brief)
    body = _sign(brief, HALF, half, key)
    return hpke.seal_in(context(brief, Role.OFFICER, recipient.key_id), body, recipient), key


def remark(
    record: pb.UnsealingRecord, text: str, ring: KeyRing, *, directory: Directory, at: datetime
) -> tuple[types.SealedContent, KeyFile]:
    """What a custodian says to the officer when it refuses; and the key that signed it.

    Raises Untrusted where no officer signed the one-time key that it would be sealed to: the
    platform may have put its own there. Raises CannotOpen where the custodian holds neither key,
    ValueError where it is too long.
    """
    _asker(record, directory, at)
    brief = record.brief
    _, _, key = _own(brief, ring)
    body = plain.UnsealingReason(text=text).SerializeToString()
    sealed = content.seal_for(
        _sign(brief, REMARK, body, key),
        handle=brief.handle,
        kind=REMARK,
        number=brief.number,
        recipients=[(Role.OFFICER, one_time(brief))],
    )
    return sealed, key


def own_key(brief: pb.UnsealingBrief, ring: KeyRing) -> KeyFile:
    """The key of the ring that the half is sealed to. Raises CannotOpen."""
    return _own(brief, ring)[2]


def _own(brief: pb.UnsealingBrief, ring: KeyRing) -> tuple[Role, types.Seal, KeyFile]:
    held = {key.key_id: key for key in ring.keys}
    for role, seal in (
        (Role.CUSTODIAN, brief.custodian_seal),
        (Role.ALTERNATE, brief.alternate_seal),
    ):
        if seal.key_id in held:
            return role, seal, held[seal.key_id]
    raise CannotOpen(
        f"the halves are sealed to keys {brief.custodian_seal.key_id} and "
        f"{brief.alternate_seal.key_id}, and your key files hold neither: name the file of the "
        "key that was yours when the report was filed"
    )


def _sign(brief: pb.UnsealingBrief, kind: str, body: bytes, key: KeyFile) -> bytes:
    return signed.sign(
        body,
        key,
        handle=brief.handle,
        kind=kind,
        number=brief.number,
        recipient_key_id=one_time(brief).key_id,
    )
