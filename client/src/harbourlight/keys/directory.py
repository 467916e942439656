"""The directory as this client believes it: a log's entries, judged by the roots it trusts.

A key counts at a time if its entry is in the tree that the log signed; if its organisation's root
signed it (an officer's: a key of its desk that counted then); if the time is within its dates; and
if it was not revoked by then. What anybody else published is as if it were not there.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from harbourlight.errors import Untrusted
from harbourlight.keys import entries
from harbourlight.keys.entries import KeyEntry, Kind, Revocation, RoutingEntry
from harbourlight.keys.trust import ROUTING, Trust
from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint, Opened, open_checkpoint
from harbourlight.proofs.notes import BadNote, Note
from harbourlight.routing import RoutingTable

MOST_ENTRIES = 100_000


@dataclass
class Key:
    """A key that a trusted root or desk signed. Whether it counts depends on the time."""

    entry: KeyEntry
    certified: list[str] = field(default_factory=list)
    """The desks' keys that signed it; empty where a root did."""
    revoked: list[Revocation] = field(default_factory=list)
    """What ended it."""

    @property
    def key_id(self) -> str:
        """16 hexadecimal digits."""
        return self.entry.key_id

    @property
    def sealing(self) -> bytes:
        """What is sealed to: see `sealing.hpke.Recipient`."""
        return self.entry.sealing

    @property
    def ended(self) -> datetime | None:
        """When it was revoked, if it was."""
        return min((one.time for one in self.revoked), default=None)


class Directory:
    """The verified view of one tree of the directory log."""

    def __init__(self, trust: Trust, opened: Opened, log: Sequence[bytes]) -> None:
        """Use `open_directory`, which checks the entries against the tree first."""
        self.trust = trust
        self.opened = opened
        self.ignored: list[tuple[int, str]] = []
        """Index and reason of each entry that was not believed."""
        self._keys: dict[str, Key] = {}
        self._routing: RoutingEntry | None = None
        self._tables: set[RoutingEntry] = set()
        for index, entry in enumerate(log):
            try:
                self._take(Note.parse(entry))
            except BadNote as error:
                self.ignored.append((index, str(error)))

    @property
    def checkpoint(self) -> Checkpoint:
        """Of the tree that this is the view of."""
        return self.opened.checkpoint

    @property
    def keys(self) -> tuple[Key, ...]:
        """All that were believed, in the order of the log, those that ended too."""
        return tuple(self._keys.values())

    @property
    def routing(self) -> RoutingEntry | None:
        """The routing table in force, if a trusted root signed one."""
        return self._routing

    def find(self, key_id: str) -> Key:
        """The key of this id, whether it counts now or not. Raises Untrusted."""
        if key_id not in self._keys:
            raise Untrusted(
                f"key {key_id[:40]} is not in the directory, or nobody that this client trusts "
                "signed it there"
            )
        return self._keys[key_id]

    def problem(self, key: Key, at: datetime) -> str | None:
        """Why a key did not count at a time, or None where it did."""
        if not key.entry.covers(at):
            begin, end = map(entries.format_time, (key.entry.not_before, key.entry.not_after))
            return f"it is for use from {begin} until {end}"
        if (ended := key.ended) and ended <= at:
            return f"it was revoked at {entries.format_time(ended)}"
        if key.entry.kind is Kind.OFFICER and not self.desks_of(key, at):
            return "no key of its desk that counted then certifies it"
        return None

    def current(self, kind: Kind, name: str, country: str, at: datetime) -> Key:
        """The key that counts for a place: that of the country, else the one for all (`*`).

        Raises Untrusted where there is none.
        """
        for jurisdiction in dict.fromkeys((country, "*")):
            found = [
                key
                for key in self._keys.values()
                if key.entry.slot == (kind, name, jurisdiction) and not self.problem(key, at)
            ]
            if found:
                return max(found, key=lambda key: key.entry.number)
        raise Untrusted(
            f"the directory has no key of {kind} {name} for {country} that counts now and that "
            "somebody this client trusts signed: nothing is sealed to anybody else. Ask the "
            "installation, or get its new trust file from where you got the first"
        )

    def any_current(self, kind: Kind, country: str, at: datetime) -> Key:
        """The same of whoever serves a country: the one that was published first.

        Raises Untrusted where there is none.
        """
        for jurisdiction in dict.fromkeys((country, "*")):
            for key in self._keys.values():
                name = key.entry.name
                if key.entry.slot == (kind, name, jurisdiction) and not self.problem(key, at):
                    return self.current(kind, name, jurisdiction, at)
        raise Untrusted(
            f"the directory has no {kind} for {country} whose key counts now and that somebody "
            "this client trusts signed: who reports cannot be sealed without one"
        )

    def public_key_of(
        self,
        at: datetime,
        *,
        kinds: Collection[Kind] = (Kind.OFFICER,),
        desks: Collection[str] | None = None,
    ) -> "PublicKeys":
        """For `sealing.signed`: the signing keys that counted at a time.

        `kinds` are those that may sign what is asked about; `desks` the codes of the desks whose
        officers may, such as those that have handled the case (None: any).
        """
        return PublicKeys(self, at, frozenset(kinds), None if desks is None else frozenset(desks))

    def desks_of(self, officer: Key, at: datetime) -> list[Key]:
        """The desk keys that certified an officer at a time."""
        # What a key signed after it was revoked is not there: see _signing_desks.
        found = (self._keys[desk] for desk in officer.certified)
        return [desk for desk in found if not self.problem(desk, at)]

    def check_routing(self, table: RoutingTable) -> None:
        """Returns where a table is the one in force. Raises Untrusted."""
        if self._routing is None:
            raise Untrusted(
                "no routing table is signed in the directory by a root that this client trusts, so "
                "it is not certain which desk a report belongs to: nothing is sealed"
            )
        if (table.version, table.sha256) != (self._routing.version, self._routing.sha256):
            raise Untrusted(
                f"the routing table here is {table.version} ({table.sha256[:16]}…), and the signed "
                f"one in force is {self._routing.version} ({self._routing.sha256[:16]}…): "
                "install the client of that version. Nothing is sealed by another table"
            )

    def _take(self, note: Note) -> None:
        entry = entries.parse(note.text)
        if isinstance(entry, KeyEntry):
            self._take_key(entry, note)
        elif isinstance(entry, Revocation):
            self._take_revocation(entry, note)
        elif isinstance(entry, RoutingEntry):
            if not self._signed_by_root(note, ROUTING):
                raise BadNote("no root for routing tables that is trusted here signed it")
            if entry in self._tables:
                raise BadNote("it was published before: a table comes back under a new version")
            self._tables.add(entry)
            self._routing = entry

    def _take_key(self, entry: KeyEntry, note: Note) -> None:
        if entry.kind is Kind.OFFICER:
            signers = self._signing_desks(note, entry.organisation)
            if not signers:
                raise BadNote(f"no desk of {entry.organisation} signed the key of {entry.name}")
        else:
            if entry.organisation not in self._signed_by_root(note, entry.kind):
                raise BadNote(
                    f"no root of {entry.organisation} for {entry.kind} keys that is trusted here "
                    f"signed the key of {entry.name}"
                )
            self._refuse_takeover(entry)
            signers = []
        key = self._keys.setdefault(entry.key_id, Key(entry))
        key.certified += signers

    def _refuse_takeover(self, entry: KeyEntry) -> None:
        """A name is its first organisation's until that one's keys have ended."""
        for key in self._keys.values():
            held = key.entry
            if held.slot == entry.slot and held.organisation != entry.organisation:
                ended = min(filter(None, (key.ended, held.not_after)))
                if entry.not_before < ended:
                    raise BadNote(
                        f"{entry.slot} is of {held.organisation}, and {entry.organisation} cannot "
                        "take it over while its key counts"
                    )

    def _take_revocation(self, revocation: Revocation, note: Note) -> None:
        key = self._keys.get(revocation.key_id)
        if key is None:
            raise BadNote(f"it revokes key {revocation.key_id}, which is not in the directory")
        entry = key.entry
        root = Kind.DESK if entry.kind is Kind.OFFICER else entry.kind
        allowed = entry.organisation in self._signed_by_root(note, root) or (
            entry.kind is Kind.OFFICER and self._signing_desks(note, entry.organisation)
        )
        if not allowed:
            raise BadNote(f"it revokes the key of {entry.name}, and nobody who may signed it")
        key.revoked.append(revocation)

    def _signed_by_root(self, note: Note, purpose: str) -> set[str]:
        """Organisations whose roots for this purpose signed a note."""
        return {key.name for key, _ in note.verified(self.trust.roots.get(purpose, ()))}

    def _signing_desks(self, note: Note, organisation: str) -> list[str]:
        """Ids of the organisation's desk keys that signed a note and had not been revoked.

        Entries are taken in the log's order, so what has ended a key by now came before the note.
        """
        named = {signature.name: self._keys.get(signature.name) for signature in note.signatures}
        desks = [
            key.entry.verifier
            for key in named.values()
            if key
            and key.entry.kind is Kind.DESK
            and key.entry.organisation == organisation
            and not key.revoked
        ]
        return [key.name for key, _ in note.verified(desks)]


@dataclass(frozen=True)
class PublicKeys:
    """The signing keys that counted at a time, by their id."""

    directory: Directory
    at: datetime
    kinds: frozenset[Kind]
    desks: frozenset[str] | None

    def __call__(self, key_id: str) -> bytes:
        """The raw Ed25519 public key. Raises Untrusted."""
        key = self.directory.find(key_id)
        if problem := self.directory.problem(key, self.at) or self._misplaced(key):
            raise Untrusted(
                f"key {key_id} of {key.entry.kind} {key.entry.name} did not count at "
                f"{entries.format_time(self.at)}: {problem}. What it signed then is not shown"
            )
        return key.entry.signing

    def _misplaced(self, key: Key) -> str | None:
        if key.entry.kind not in self.kinds:
            return f"only {', '.join(sorted(self.kinds))} may sign this"
        if key.entry.kind is Kind.OFFICER and self.desks is not None:
            certifiers = {desk.entry.name for desk in self.directory.desks_of(key, self.at)}
            if not certifiers & self.desks:
                return f"it is of {', '.join(sorted(certifiers))}, which does not handle this"
        return None


def root_of(log: Sequence[bytes]) -> bytes:
    """The root of the tree over these entries."""
    return merkle.root_of([merkle.leaf_hash(entry) for entry in log])


def open_directory(trust: Trust, checkpoint: str | bytes, log: Sequence[bytes]) -> Directory:
    """The directory, from all entries of the tree that a checkpoint is of.

    Raises Untrusted where the checkpoint is not the log's, or the entries are not the tree's.
    """
    policy = trust.directory
    try:
        opened = open_checkpoint(checkpoint, policy.log, policy.witnesses)
    except BadNote as error:
        raise Untrusted(
            f"the directory's checkpoint is not the one of the log {policy.log.name} that this "
            f"client trusts: {error}"
        ) from None
    size = opened.checkpoint.size
    if size > MOST_ENTRIES:
        raise Untrusted(f"the directory has {size} entries, and {MOST_ENTRIES} are read at most")
    if len(log) != size or root_of(log) != opened.checkpoint.root:
        raise Untrusted(
            f"the directory's entries are not those that its log signed ({len(log)} came, and the "
            f"checkpoint is of {size}): something was changed, added or left out on the way"
        )
    return Directory(trust, opened, log)
