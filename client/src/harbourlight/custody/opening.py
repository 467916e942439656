"""The officer opens what a custodian released, on the officer's own machine."""

from dataclasses import dataclass
from datetime import UTC, datetime

from harbourlight.custody.common import HALF, REMARK, context, one_time, parse, written
from harbourlight.errors import CannotOpen, Untrusted
from harbourlight.keys.directory import Directory
from harbourlight.keys.entries import Kind
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import content, hpke, identity, signed
from harbourlight.sealing.hpke import PrivateKey, Role
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as types


def open_half(record: pb.UnsealingRecord, key: PrivateKey, directory: Directory) -> bytes:
    """The released half, where a custodian who was asked signed it; `key` is the one-time key.

    Raises CannotOpen, Untrusted.
    """
    brief = record.brief
    _expect_own(brief, key)
    if not record.HasField("half"):
        raise CannotOpen(
            "no half has been released, or it has been deleted since: see where the request stands"
        )
    recipient = one_time(brief).key_id
    data = hpke.open_in(context(brief, Role.OFFICER, recipient), record.half, key)
    return written(data, brief, HALF, _Custodians(record, directory), {recipient}).body


def open_remark(record: pb.UnsealingRecord, key: PrivateKey, directory: Directory) -> str:
    """What the custodian said; empty where it said nothing. Raises CannotOpen, Untrusted."""
    brief = record.brief
    if not record.HasField("remark"):
        return ""
    _expect_own(brief, key)
    recipient = one_time(brief).key_id
    data = content.open_as(
        record.remark,
        handle=brief.handle,
        kind=REMARK,
        role=Role.OFFICER,
        key_id=recipient,
        private_key=key,
    )
    found = written(data, brief, REMARK, _Custodians(record, directory), {recipient})
    return parse(plain.UnsealingReason, found.body).text


def open_identity(
    brief: pb.UnsealingBrief, sealed: types.SealedIdentity, *, desk: PrivateKey, half: bytes
) -> plain.Identity:
    """Who reports, with the desk's own half and the released one. Raises CannotOpen, Untrusted."""
    if identity.payload_hash(sealed) != brief.identity_hash:
        raise CannotOpen(
            "the company has sealed another identity since the request was made: ask again"
        )
    own = identity.open_half(
        sealed.desk, sealed, handle=brief.handle, role=Role.DESK, private_key=desk
    )
    data = identity.open_identity(sealed, handle=brief.handle, desk_half=own, custodian_half=half)
    found = signed.verify_company(
        data, handle=brief.handle, kind=identity.KIND, number=sealed.version
    )
    return parse(plain.Identity, found.body)


def _expect_own(brief: pb.UnsealingBrief, key: PrivateKey) -> None:
    if key.public_bytes != brief.one_time_key:
        raise CannotOpen("the one-time key is of another request: name the file of this one")


@dataclass(frozen=True)
class _Custodians:
    """The signing keys of the two custodians who were asked (see `sealing.signed`)."""

    record: pb.UnsealingRecord
    directory: Directory

    def __call__(self, key_id: str) -> bytes:
        """Raises Untrusted."""
        brief, at = self.record.brief, self.record.unsealing.answered_at
        if key_id not in (brief.custodian_seal.key_id, brief.alternate_seal.key_id):
            raise Untrusted("it was signed by neither of the custodians who were asked")
        moment = datetime.fromtimestamp(at.seconds, UTC)
        kinds = (Kind.CUSTODIAN, Kind.ALTERNATE)
        return self.directory.public_key_of(moment, kinds=kinds)(key_id)
