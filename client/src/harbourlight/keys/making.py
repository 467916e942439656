"""Making keys and the notes that publish, certify and revoke them."""

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harbourlight.errors import BadFile
from harbourlight.keys.entries import Entry, KeyEntry, Kind, Reason, Revocation, RoutingEntry
from harbourlight.keys.files import KeyFile
from harbourlight.proofs.notes import BadNote, Note, SignerKey
from harbourlight.routing import RoutingTable
from harbourlight.sealing.hpke import PrivateKey

DAYS = 365
"""How long a key is for use, where nothing else is said."""


def new_key(
    kind: Kind,
    name: str,
    organisation: str,
    *,
    jurisdiction: str = "*",
    number: int = 1,
    begin: datetime | None = None,
    days: int = DAYS,
) -> KeyFile:
    """A fresh key; it counts once its entry is certified and published.

    Raises BadFile where a value cannot be an entry's.
    """
    private = Ed25519PrivateKey.generate()
    sealing = PrivateKey.generate() if kind.seals else None
    begin = (begin or datetime.now(UTC)).replace(microsecond=0)
    try:
        entry = KeyEntry(
            kind,
            name,
            jurisdiction,
            organisation,
            number,
            begin,
            begin + timedelta(days=days),
            private.public_key().public_bytes_raw(),
            sealing.public_bytes if sealing else b"",
        )
        # What cannot be read back would be of no use to anybody.
        KeyEntry.parse(str(entry))
    except BadNote as error:
        raise BadFile(f"this cannot be a key of the directory: {error}") from None
    return KeyFile(entry, private.private_bytes_raw(), sealing)


def certify(entry: Entry, *signers: SignerKey) -> str:
    """The note to publish: an entry, signed by a root or, for an officer, by its desk's key."""
    return str(Note.sign(str(entry), *signers))


def revoke(key_id: str, reason: Reason, signer: SignerKey, *, time: datetime | None = None) -> str:
    """The note that ends a key, from `time` on (now)."""
    time = (time or datetime.now(UTC)).replace(microsecond=0)
    return certify(Revocation(key_id, time, reason), signer)


def sign_routing(table: RoutingTable, signer: SignerKey) -> str:
    """The note that puts a routing table into force."""
    return certify(RoutingEntry(table.version, table.sha256), signer)
