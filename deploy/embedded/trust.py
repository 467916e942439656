"""Development's roots and keys: whose keys count, and the private halves for who plays each part.

In earnest each root is made by its organisation and kept offline (`harbourlight keys`); here they
are all in one folder, which its owner alone can read.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from deploy.embedded.folder import Folder
from deploy.embedded.processes import StartError
from harbourlight import Endpoints, Ledger, routing
from harbourlight.errors import Error, NotFound
from harbourlight.keys import making
from harbourlight.keys.entries import KeyEntry, Kind
from harbourlight.keys.files import KeyFile, RootFile, load_key, load_root
from harbourlight.keys.trust import ROUTING
from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.notes import Note, SignerKey, VerifierKey

_LONGEST_WAIT_SECONDS = 20
T = TypeVar("T", RootFile, KeyFile)

AUTHORITY, CUSTODIAN, ALTERNATE = "example-authority", "example-custodian", "example-alternate"
"""Organisations, the first two as the development tokens name them."""
OFFICER = "authority@example.org"
"""Subject of the development token of AUTHORITY."""
_ROOTS = {
    Kind.DESK.value: AUTHORITY,
    Kind.CUSTODIAN.value: CUSTODIAN,
    Kind.ALTERNATE.value: ALTERNATE,
    Kind.SERVICE.value: "example-operator",
    ROUTING: "example-routing",
}


class TrustFiles:
    """In a stack's folder, the same after a restart, and readable by its owner alone."""

    def __init__(
        self,
        folder: Folder,
        origin: str,
        logs: Mapping[str, VerifierKey],
        witness: VerifierKey,
        promisers: Mapping[str, SignerKey],
    ) -> None:
        self._origin = origin
        self.folder = folder.folder("keys")
        folder.folder("keys/roots")
        self.roots = {
            purpose: self._root(purpose, organisation) for purpose, organisation in _ROOTS.items()
        }
        """Purpose -> root."""
        desk_root = self.roots[Kind.DESK].signer
        self.desks = {
            name: self._key(f"desk-{name}", Kind.DESK, name, AUTHORITY)
            for name in sorted(routing.current().desks)
        }
        self.officer = self._key("officer", Kind.OFFICER, OFFICER, AUTHORITY)
        self.custodian = self._key("custodian", Kind.CUSTODIAN, CUSTODIAN, CUSTODIAN)
        self.alternate = self._key("alternate", Kind.ALTERNATE, ALTERNATE, ALTERNATE)
        services = [self._service(name, key) for name, key in promisers.items()]
        self.notes = [
            *(making.certify(key.entry, desk_root) for key in self.desks.values()),
            # The development token is for every desk.
            making.certify(self.officer.entry, *(key.signer for key in self.desks.values())),
            making.certify(self.custodian.entry, self.roots[Kind.CUSTODIAN].signer),
            making.certify(self.alternate.entry, self.roots[Kind.ALTERNATE].signer),
            *(making.certify(entry, self.roots[Kind.SERVICE].signer) for entry in services),
            making.sign_routing(routing.current(), self.roots[ROUTING].signer),
        ]
        """What the directory has of it: the same at each start."""
        trust = {
            "origin": origin,
            "logs": {name: str(key) for name, key in logs.items()},
            "witnesses": [str(witness)],
            "quorum": 1,
            "roots": {name: [str(root.signer.verifier)] for name, root in self.roots.items()},
        }
        self.trust = folder.write("trust.json", json.dumps(trust, indent=1) + "\n")
        """What a client is to trust."""

    @property
    def published(self) -> dict[str, list[str]]:
        """Role -> files of its private keys, as `endpoints.json` names them."""
        desks = [f"desk-{name}" for name in self.desks]
        names = {"AUTHORITY": [*desks, "officer"], "CUSTODIAN": ["custodian", "alternate"]}
        return {
            role: [str(self.folder / f"{name}.json") for name in files]
            for role, files in names.items()
        }

    async def publish(self, ledger: str, ca: Path, token: str) -> None:
        """Puts the entries into the directory, as an operator; those that are there stay.

        `ledger` is host:port. Raises StartError.
        """
        endpoints = Endpoints(self._origin, {"ledger": ledger}, ca=ca)
        try:
            async with Ledger(endpoints, token) as party:
                last = max([(await party.publish_entry(note)).index for note in self.notes])
                await self.until_signed(party, last + 1)
        except Error as error:
            raise StartError(f"cannot publish the desks' keys in the directory: {error}") from error

    async def until_signed(self, ledger: Ledger, size: int) -> None:
        """Waits for a checkpoint over so many entries: without it no client believes them."""
        for _ in range(_LONGEST_WAIT_SECONDS * 20):
            # A new log has no checkpoint yet.
            with contextlib.suppress(NotFound):
                answer = await ledger.get_checkpoint(pb.LOG_DIRECTORY)
                if Checkpoint.parse(Note.parse(answer.checkpoint).text).size >= size:
                    return
            await asyncio.sleep(0.05)
        raise StartError(
            f"the ledger did not sign the directory within {_LONGEST_WAIT_SECONDS} s: see its log"
        )

    def _root(self, purpose: str, organisation: str) -> RootFile:
        path = self.folder / "roots" / f"{purpose}.json"
        return _kept(path, load_root, lambda: RootFile.generate(organisation))

    def _key(self, name: str, kind: Kind, subject: str, organisation: str) -> KeyFile:
        path = self.folder / f"{name}.json"
        return _kept(path, load_key, lambda: making.new_key(kind, subject, organisation))

    def _service(self, name: str, promiser: SignerKey) -> KeyEntry:
        """The entry of a key that exists already."""
        begin = datetime.now(UTC).replace(microsecond=0)
        organisation = _ROOTS[Kind.SERVICE.value]

        def make() -> KeyFile:
            entry = KeyEntry(
                Kind.SERVICE,
                name,
                "*",
                organisation,
                1,
                begin,
                begin + timedelta(days=making.DAYS),
                promiser.verifier.public_bytes,
            )
            return KeyFile(entry, promiser.private_bytes)

        return _kept(self.folder / f"service-{name}.json", load_key, make).entry


def _kept(path: Path, load: Callable[[Path], T], make: Callable[[], T]) -> T:
    if path.exists():
        return load(path)
    made = make()
    made.save(path)
    return made
