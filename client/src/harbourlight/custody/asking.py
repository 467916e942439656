"""The officer asks: a brief for the custodians, and a key that is used once."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harbourlight import unsealing
from harbourlight.custody.common import REASON
from harbourlight.errors import BadFile, Untrusted
from harbourlight.keys.directory import Directory, Key
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyFile
from harbourlight.privatefile import read_private, write_private
from harbourlight.proofs import notes
from harbourlight.proofs.notes import BadNote
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import content, identity, signed
from harbourlight.sealing.hpke import PrivateKey, Role
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as types

FORMAT = "harbourlight.one-time-key"
VERSION = 1


@dataclass(frozen=True)
class OneTimeFile:
    """The one-time key of a request, in a file that is the asking officer's alone.

    Whoever has it and the desk's key can read who reports once a half was released: delete it
    when the identity has been read or the request has come to nothing.
    """

    path: Path
    handle: str
    number: int
    key: PrivateKey = field(repr=False)

    @classmethod
    def create(cls, path: Path, handle: str, number: int) -> "OneTimeFile":
        """A fresh key in a new file. Raises BadFile where it exists or cannot be written."""
        made = cls(path, handle, number, PrivateKey.generate())
        content = {
            "format": FORMAT,
            "version": VERSION,
            "handle": handle,
            "number": number,
            "secret": notes.encode(made.key.secret),
        }
        try:
            write_private(path, json.dumps(content, indent=1) + "\n")
        except FileExistsError:
            raise BadFile(
                f"{path} exists already and is never replaced: name another file for the "
                "one-time key of this request"
            ) from None
        except OSError as error:
            raise BadFile(f"cannot write the one-time key {path}: {error.strerror}") from error
        return made

    def discard(self) -> None:
        """Deletes the file, if it is there and can be."""
        with suppress(OSError):
            self.path.unlink()

    @classmethod
    def load(cls, path: Path) -> "OneTimeFile":
        """Raises BadFile where it is missing, malformed or readable by others."""
        try:
            data = json.loads(read_private(path, "a one-time key"))
            if (data["format"], data["version"]) != (FORMAT, VERSION):
                raise ValueError(f'"format" is not {FORMAT} of version {VERSION}')
            secret = notes.decode(data["secret"], "the secret")
            return cls(path, str(data["handle"]), int(data["number"]), PrivateKey(secret))
        except FileNotFoundError:
            raise BadFile(
                f"there is no one-time key {path}: a half that was released to it cannot be "
                "opened without it, so ask again if it is lost"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, BadNote) as error:
            raise BadFile(f"{path} is not a one-time key, or is damaged: {error}") from None


@dataclass(frozen=True)
class Case:
    """What a request is about."""

    handle: str
    referral_id: str
    number: int
    """Of the request, in the case: one more than there were."""
    identity: types.SealedIdentity


def prepare(
    case: Case,
    *,
    legal_basis: pb.LegalBasis,
    reason: str,
    directory: Directory,
    officer: KeyFile,
    one_time: PrivateKey,
) -> pb.UnsealingBrief:
    """The signed brief.

    Raises Untrusted where the identity is sealed to keys that are no custodians' here, and
    ValueError where the reason is too long.
    """
    sealed = case.identity
    custodian = custodian_key(directory, sealed.custodian.key_id, Kind.CUSTODIAN)
    alternate = custodian_key(directory, sealed.alternate.key_id, Kind.ALTERNATE)
    written = signed.sign(
        plain.UnsealingReason(text=reason).SerializeToString(),
        officer,
        handle=case.handle,
        kind=REASON,
        number=case.number,
        recipient_key_id=custodian.key_id,
    )
    explanation = content.seal_for(
        written,
        handle=case.handle,
        kind=REASON,
        number=case.number,
        recipients=[(Role.CUSTODIAN, custodian), (Role.ALTERNATE, alternate)],
    )
    brief = pb.UnsealingBrief(
        handle=case.handle,
        referral_id=case.referral_id,
        legal_basis=legal_basis,
        number=case.number,
        one_time_key=one_time.public_bytes,
        identity_version=sealed.version,
        identity_hash=identity.payload_hash(sealed),
        custodian_seal=sealed.custodian,
        alternate_seal=sealed.alternate,
        custodian=custodian.entry.organisation,
        alternate=alternate.entry.organisation,
        explanation=explanation,
        signer_key_id=officer.key_id,
    )
    unsealing.sign(brief, officer.entry.signing, officer.sign)
    return brief


def custodian_key(directory: Directory, key_id: str, kind: Kind) -> Key:
    """The key of a custodian, whether it still counts or not: what is sealed to it stays so.

    Raises Untrusted where it is none.
    """
    key = directory.find(key_id)
    if key.entry.kind is not kind:
        raise Untrusted(
            f"the identity is sealed to key {key_id}, which is of {key.entry.kind} "
            f"{key.entry.name} and not of a {kind}"
        )
    return key
