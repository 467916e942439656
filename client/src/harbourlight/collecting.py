"""From a promise to proof: a company fetches the proofs of its receipts and checks them itself.

The ledger is asked for each commitment, over a connection that does not say who asks. What it
answers is believed only if it verifies offline, against keys that the company has from elsewhere.
A promise whose time is over and whose commitment is not there is broken, and kept as evidence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from harbourlight.auditor import Ledger
from harbourlight.errors import NotFound, Untrusted
from harbourlight.keys.directory import Directory
from harbourlight.keys.memory import Memory
from harbourlight.keys.recipients import read_directory
from harbourlight.keys.trust import Trust
from harbourlight.ledger.v1 import ledger_pb2
from harbourlight.lodging import Lodged, promisers
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.promises import open_promise
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import BadReceipt, Verified, verify
from harbourlight.receiptfolder import ReceiptFolder

_GRACE = timedelta(seconds=5)
"""What the clocks of a company and a service may differ by, before a promise counts as broken."""


class Standing(StrEnum):
    """How far a receipt has come."""

    PROVEN = "PROVEN"
    """In the ledger, and enough witnesses saw it."""
    UNWITNESSED = "UNWITNESSED"
    """In the ledger, by the ledger's word alone."""
    PROMISED = "PROMISED"
    """To be in the ledger by a time that is still to come."""
    LODGED = "LODGED"
    """Not in the ledger, and no time was promised."""
    BROKEN = "BROKEN"
    """Promised, and not in the ledger in time."""


@dataclass(frozen=True)
class Held:
    """A receipt and what there is to show for it."""

    lodged: Lodged
    standing: Standing
    verified: Verified | None = None
    path: Path | None = None
    """Its proof, or the evidence of its broken promise."""


def look(folder: ReceiptFolder, lodged: Lodged, policy: LogPolicy, now: datetime) -> Held:
    """How far a receipt has come, from the folder alone. Raises BadFile, Untrusted."""
    proof = folder.proof(lodged)
    if proof is not None:
        return _proven(folder, lodged, proof, policy)
    if broken := folder.broken_path(lodged):
        return Held(lodged, Standing.BROKEN, path=broken)
    by = lodged.include_by
    return Held(lodged, Standing.PROMISED if by and now <= by else Standing.LODGED)


def _proven(folder: ReceiptFolder, lodged: Lodged, proof: str, policy: LogPolicy) -> Held:
    path = folder.proof_path(lodged)
    try:
        verified = verify(proof, policy)
        if verified.text != lodged.text:
            raise BadReceipt("it is of another receipt")
    except BadReceipt as error:
        raise Untrusted(f"the proof {path} does not hold: {error}") from None
    standing = Standing.PROVEN if verified.is_witnessed else Standing.UNWITNESSED
    return Held(lodged, standing, verified, path)


async def collect(
    folder: ReceiptFolder,
    receipts: Sequence[Lodged],
    ledger: Ledger,
    policy: LogPolicy,
    *,
    trust: Trust | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Held]:
    """What there is to show for each receipt, after the ledger was asked for what is missing.

    With `trust`, each promise must be signed by a key of the directory, too: a broken one by any
    other would be evidence against nobody. Raises Untrusted where that is not so or the ledger
    gives a proof that does not hold, BadFile where something
    cannot be read or kept, and what a call raises.
    """
    found = []
    if trust:
        directory = await read_directory(ledger, trust, Memory(trust.origin))
        for lodged in receipts:
            _check_promiser(directory, lodged)
    for lodged in receipts:
        held = look(folder, lodged, policy, clock())
        if held.standing != Standing.PROVEN and await _fetch(folder, lodged, ledger, policy, clock):
            held = look(folder, lodged, policy, clock())
        found.append(held)
    return found


def _check_promiser(directory: Directory, lodged: Lodged) -> None:
    if not lodged.promise:
        return
    # harbourlight.<service>.v1.<Event>
    service = lodged.text.event_type.split(".")[1]
    try:
        open_promise(lodged.promise, promisers(directory, service, lodged.text.time))
    except BadNote as error:
        raise Untrusted(
            f"the promise of {lodged.text.event_id} is none that {service} can be held to: {error}"
        ) from None


async def _fetch(
    folder: ReceiptFolder,
    lodged: Lodged,
    ledger: Ledger,
    policy: LogPolicy,
    clock: Callable[[], datetime],
) -> bool:
    """Whether there is something new in the folder."""
    proof = await _ask(ledger, lodged, policy)
    by = lodged.include_by
    if proof is None and by is not None and clock() > by + _GRACE:
        newest = await ledger.get_checkpoint(ledger_pb2.LOG_RECEIPTS)
        # Asked again, so that the tree of this checkpoint surely does not have it.
        proof = await _ask(ledger, lodged, policy)
        if proof is None:
            folder.keep_broken(lodged, newest.checkpoint)
            return True
    if proof is None:
        return False
    folder.keep_proof(lodged, _checked(proof, lodged, policy))
    return True


async def _ask(ledger: Ledger, lodged: Lodged, policy: LogPolicy) -> str | None:
    try:
        commitment = lodged.text.commitment
        return (await ledger.get_receipt(commitment, witnesses=policy.quorum)).proof
    except NotFound:
        return None


def _checked(proof: str, lodged: Lodged, policy: LogPolicy) -> str:
    """The proof with the text in it, which is kept only if it holds."""
    text = str(lodged.text)
    try:
        verify(proof, policy, text=text)
        return str(ProofFile.parse(proof).with_extra(text.encode()))
    except BadReceipt as error:
        raise Untrusted(
            f"the ledger's proof of {lodged.text.event_id} does not hold: {error}"
        ) from None
