"""Receipts: the text that says what was lodged, and the file that proves when.

The text is six lines, each ended by a newline:

    harbourlight.receipt.v1
    <salt>          32 bytes, standard base64
    <handle>        of the case
    <event id>
    <event type>    full name of the message
    <time>          RFC 3339 in UTC, with six decimals and Z

Its SHA-256 is the commitment, and those 32 bytes are the entry in the ledger. Nobody can tell from
a commitment what it commits to, because the salt is in it; and the salt can only be opened by who
sent the request (see harbourlight.proofs.challenges).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harbourlight import handle
from harbourlight.proofs import checkpoints, merkle, notes
from harbourlight.proofs.checkpoints import Cosigned, Opened
from harbourlight.proofs.merkle import BadProof
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.prooffile import ProofFile

VERSION = "harbourlight.receipt.v1"
SALT_LABEL = b"harbourlight.receipt.salt.v1"
SALT_BYTES = 32
MOST_BYTES = 1024
"""Longest text that is read."""
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_WORD = re.compile(r"[!-~]{1,200}")


class BadReceipt(Exception):
    """The receipt proves nothing, or not this; the message says why, for people."""


def derive_salt(nonce: bytes, public_key: bytes, request_hash: bytes) -> bytes:
    """The salt of who sent this request under this key.

    `nonce` is the 32 bytes that the request carries, `public_key` the signer's raw Ed25519 key and
    `request_hash` the SHA-256 of the exact request bytes.
    """
    if not len(nonce) == len(public_key) == len(request_hash) == 32:
        raise ValueError("a salt is made of a nonce, a public key and a hash of 32 bytes each")
    return hashlib.sha256(SALT_LABEL + nonce + public_key + request_hash).digest()


@dataclass(frozen=True)
class ReceiptText:
    """What was lodged, when, in which case."""

    salt: bytes
    handle: str
    event_id: str
    event_type: str
    time: datetime
    """In UTC, to the microsecond: the platform's word, which the ledger bounds from above."""

    @classmethod
    def parse(cls, text: str | bytes) -> "ReceiptText":
        """From its six lines, of which each value has one spelling. Raises BadReceipt."""
        if len(text) > MOST_BYTES:
            raise BadReceipt(f"the receipt's text is longer than {MOST_BYTES} bytes")
        try:
            lines = (text if isinstance(text, str) else text.decode()).split("\n")
            if len(lines) != 7 or lines[6] or lines[0] != VERSION:
                raise BadReceipt(
                    f"a receipt's text is six lines, each ended by a newline, and begins {VERSION}"
                )
            _, salt, case, event_id, event_type, time = lines[:6]
            if problem := handle.problem(case):
                raise BadReceipt(f"the receipt names no case: {problem}")
            if not _TIME.fullmatch(time):
                raise BadReceipt(
                    f"the receipt's time is {time[:40]!r}: expected UTC with six decimals and Z"
                )
            found = cls(
                notes.decode(salt, "the receipt's salt"),
                case,
                event_id,
                event_type,
                datetime.fromisoformat(time),
            )
        except UnicodeDecodeError:
            raise BadReceipt("the receipt's text is not UTF-8") from None
        except (BadNote, ValueError) as error:
            raise BadReceipt(str(error)) from None
        found._check()
        return found

    def _check(self) -> None:
        if len(self.salt) != SALT_BYTES:
            raise BadReceipt(f"the receipt's salt is not {SALT_BYTES} bytes long")
        for word, what in ((self.event_id, "event id"), (self.event_type, "event type")):
            if not _WORD.fullmatch(word):
                raise BadReceipt(f"the receipt's {what} is {word[:40]!r} and not one word")

    def __str__(self) -> str:
        time = self.time.astimezone(UTC).isoformat(timespec="microseconds")
        lines = (
            VERSION,
            notes.encode(self.salt),
            self.handle,
            self.event_id,
            self.event_type,
            time.replace("+00:00", "Z"),
        )
        return "".join(f"{line}\n" for line in lines)

    @property
    def commitment(self) -> bytes:
        """The entry in the ledger."""
        return hashlib.sha256(str(self).encode()).digest()


@dataclass(frozen=True)
class Verified:
    """What a receipt proves."""

    text: ReceiptText
    index: int
    """Place of its entry in the log, from 0."""
    log: str
    size: int
    """Entries in the log at the checkpoint."""
    witnesses: tuple[Cosigned, ...]
    """The trusted witnesses that saw the checkpoint, the earliest first."""
    quorum: int
    """How many witnesses the policy asks for."""

    @property
    def is_witnessed(self) -> bool:
        """Whether enough witnesses saw it; else the log alone says when."""
        return len(self.witnesses) >= self.quorum

    @property
    def proven_time(self) -> datetime | None:
        """It was lodged no later than this; None where it is UNWITNESSED."""
        return self.witnesses[0].time if self.is_witnessed else None

    @property
    def verdict(self) -> str:
        """A line for people."""
        count = len(self.witnesses)
        if self.proven_time is None:
            return f"UNWITNESSED: {count} of the {self.quorum} witnesses asked for saw it"
        seen = f"{count} witness{'' if count == 1 else 'es'}"
        return f"lodged no later than {self.proven_time:%Y-%m-%dT%H:%M:%SZ}, seen by {seen}"


def verify(written: str | bytes, policy: LogPolicy, *, text: str | bytes | None = None) -> Verified:
    """What a receipt file proves to who trusts the policy's keys; nobody is asked.

    `text` is what the holder of a bare receipt keeps. Raises BadReceipt where it proves nothing.
    """
    try:
        file = ProofFile.parse(written)
        opened = checkpoints.open_checkpoint(file.checkpoint, policy.log, policy.witnesses)
        receipt = ReceiptText.parse(_text(file, text))
        prove_entry(file.index, file.hashes, receipt.commitment, opened)
    except (BadNote, BadProof) as error:
        raise BadReceipt(str(error)) from None
    return Verified(
        receipt,
        file.index,
        policy.log.name,
        opened.checkpoint.size,
        opened.cosigned,
        policy.quorum,
    )


def prove_entry(index: int, hashes: Sequence[bytes], entry: bytes, opened: Opened) -> None:
    """Returns where the entry is at this place of the log. Raises BadProof."""
    checkpoint = opened.checkpoint
    leaf = merkle.leaf_hash(entry)
    merkle.verify_inclusion(leaf, index, checkpoint.size, hashes, checkpoint.root)


def _text(file: ProofFile, kept: str | bytes | None) -> str | bytes:
    if kept is None and file.extra is None:
        raise BadReceipt(
            "the receipt is bare, so it needs the text that its holder keeps: give the text too"
        )
    if file.extra is None:
        assert kept is not None
        return kept
    if kept is not None:
        given = kept if isinstance(kept, bytes) else kept.encode(errors="replace")
        if given != file.extra:
            raise BadReceipt("the receipt holds another text than the one that was given")
    return file.extra
