"""Organisations with roots, keys and a directory log, all in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from harbourlight.keys import making
from harbourlight.keys.directory import Directory, open_directory, root_of
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyFile
from harbourlight.keys.trust import Trust
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.notes import COSIGNATURE, SignerKey
from harbourlight.proofs.policy import LogPolicy
from harbourlight.routing import RoutingTable, current

ORIGIN = "harbourlight.test"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEGIN = NOW - timedelta(days=10)
LABOUR = "LABOUR_INSPECTORATE"
OFFICER = "officer@labour.example"

LOG = SignerKey.of(f"{ORIGIN}/directory", b"\1" * 32)
RECEIPTS = SignerKey.of(f"{ORIGIN}/receipts", b"\2" * 32)
WITNESS = SignerKey.of("witness.test", b"\3" * 32, COSIGNATURE)
DESK_ROOT, CUSTODIAN_ROOT, ALTERNATE_ROOT, SERVICE_ROOT, ROUTING_ROOT = (
    SignerKey.of(name, bytes([number]) * 32)
    for number, name in enumerate(
        ("ministry", "ombudsman", "bar-association", "operator", "table-keeper"), start=10
    )
)
TRUST = Trust(
    ORIGIN,
    LogPolicy(RECEIPTS.verifier, (WITNESS.verifier,)),
    LogPolicy(LOG.verifier, (WITNESS.verifier,)),
    {
        "desk": (DESK_ROOT.verifier,),
        "custodian": (CUSTODIAN_ROOT.verifier,),
        "alternate": (ALTERNATE_ROOT.verifier,),
        "service": (SERVICE_ROOT.verifier,),
        "routing": (ROUTING_ROOT.verifier,),
    },
)


def key(kind: Kind, name: str, organisation: str, **values: Any) -> KeyFile:
    """A fresh key, for use since ten days."""
    return making.new_key(kind, name, organisation, **{"begin": BEGIN} | values)


def desk_key(**values: Any) -> KeyFile:
    return key(Kind.DESK, LABOUR, "ministry", **values)


@dataclass
class World:
    """A desk with an officer, two custodians and a routing table, published."""

    desk: KeyFile = field(default_factory=desk_key)
    officer: KeyFile = field(default_factory=lambda: key(Kind.OFFICER, OFFICER, "ministry"))
    custodian: KeyFile = field(
        default_factory=lambda: key(Kind.CUSTODIAN, "ombudsman", "ombudsman")
    )
    alternate: KeyFile = field(
        default_factory=lambda: key(Kind.ALTERNATE, "bar", "bar-association")
    )
    table: RoutingTable = field(default_factory=current)
    log: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.certify(self.desk, DESK_ROOT)
        self.certify(self.officer, self.desk.signer)
        self.certify(self.custodian, CUSTODIAN_ROOT)
        self.certify(self.alternate, ALTERNATE_ROOT)
        self.publish(making.sign_routing(self.table, ROUTING_ROOT))

    def publish(self, note: str) -> None:
        self.log.append(note.encode())

    def certify(self, file: KeyFile, *signers: SignerKey) -> KeyFile:
        self.publish(making.certify(file.entry, *signers))
        return file

    def directory(self, log: Sequence[bytes] | None = None) -> Directory:
        return open_directory(TRUST, checkpoint(self.log if log is None else log), log or self.log)


def checkpoint(log: Sequence[bytes]) -> str:
    """What the log says of itself."""
    return str(Checkpoint(LOG.verifier.name, len(log), root_of(log)).sign(LOG))
