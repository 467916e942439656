"""What both sides go by: kinds of what is signed inside, and what seals are bound to."""

from collections.abc import Collection
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from harbourlight.errors import Untrusted
from harbourlight.sealing import hpke, signed
from harbourlight.sealing.hpke import Context, Role
from harbourlight.sealing.signed import PublicKeyOf
from harbourlight.triage.v1 import unsealing_pb2 as pb

M = TypeVar("M", bound=Message)

REASON, HALF, REMARK = "unsealing.reason", "unsealing.half", "unsealing.remark"
"""Kinds of what is signed inside; its number is the brief's."""


def one_time(brief: pb.UnsealingBrief) -> hpke.Addressee:
    """The brief's one-time key, to be sealed to."""
    return hpke.Addressee(hpke.key_id(brief.one_time_key), brief.one_time_key)


def context(brief: pb.UnsealingBrief, role: Role, key_id: str) -> Context:
    """What the brief's halves are bound to."""
    return Context(brief.handle, role, key_id, brief.identity_version, brief.identity_hash)


def written(
    data: bytes,
    brief: pb.UnsealingBrief,
    kind: str,
    public_key_of: PublicKeyOf,
    recipients: Collection[str],
) -> signed.Written:
    """What an officer or custodian wrote. Raises Untrusted."""
    return signed.verify_officer(
        data,
        public_key_of,
        handle=brief.handle,
        kind=kind,
        number=brief.number,
        recipients=recipients,
    )


def parse(kind: type[M], body: bytes) -> M:
    """What was signed. Raises Untrusted where it is no such thing."""
    try:
        return kind.FromString(body)
    except DecodeError:
        raise Untrusted("what was signed cannot be read: a newer client may be able to") from None
