"""An installation in memory: its directory, its ledger, and one sealed identity."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from harbourlight.custody import asking
from harbourlight.keys.directory import Directory, open_directory
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyFile, KeyRing
from harbourlight.keys.making import certify, new_key
from harbourlight.keys.trust import Trust
from harbourlight.ledger.v1 import ledger_pb2 as ledger
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.notes import SignerKey
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import ReceiptText, derive_salt
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import identity, signed
from harbourlight.sealing.hpke import PrivateKey
from harbourlight.signing import CaseKey
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as types
from harbourlight.unsealing import receipt_nonce
from tests.unit.client.proofs.build import Tree

from ..conftest import Failure, Server

ORIGIN = "harbourlight.test"
NOW = datetime.now(UTC).replace(microsecond=0)
BEGIN = NOW - timedelta(days=30)
REFERRAL = "0d8f3c1e-7b2a-4c3d-9e4f-5a6b7c8d9e0f"
WHO = plain.Identity(name="Sunrise Garments Ltd", registration_number="202401")
WHY = "The court asks for the witness."
EVENT = "harbourlight.triage.v1.UnsealingRequested"


@dataclass
class Log:
    """A log with its key."""

    name: str
    entries: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = SignerKey.of(
            f"{ORIGIN}/{self.name}", hashlib.sha256(self.name.encode()).digest()
        )

    @property
    def policy(self) -> LogPolicy:
        """Whom its readers believe: no witness is there."""
        return LogPolicy(self.key.verifier)

    def _tree(self) -> Tree:
        tree = Tree()
        tree.append(self.entries)
        return tree

    def checkpoint(self) -> str:
        """Signed, of all entries."""
        size = len(self.entries)
        return str(Checkpoint(self.key.verifier.name, size, self._tree().root(size)).sign(self.key))

    def proof(self, entry: bytes) -> str:
        """The bare proof of an entry."""
        index, size = self.entries.index(entry), len(self.entries)
        tree = self._tree()
        root = Checkpoint(self.key.verifier.name, size, tree.root(size))
        hashes = tuple(tree.inclusion(index, size))
        return str(ProofFile(index, hashes, root.sign(self.key)))


class Network:
    """Everybody's keys, and what the platform has."""

    def __init__(self) -> None:
        self.directory_log, self.receipts = Log("directory"), Log("receipts")
        self.roots = {name: SignerKey.generate(name) for name in ("state", "bar", "ombudsman")}
        self.desk = self.publish(Kind.DESK, "LABOUR_INSPECTORATE", "state")
        self.custodian = self.publish(Kind.CUSTODIAN, "bar", "bar")
        self.alternate = self.publish(Kind.ALTERNATE, "ombudsman", "ombudsman")
        self.officer = self.publish(Kind.OFFICER, "jo@example.org", "state")
        self.case = CaseKey.generate()
        self.identity = self.seal()
        self.one_time = PrivateKey.generate()
        # Others' entries, before and behind.
        self.receipts.entries = [bytes([n]) * 32 for n in range(5)]

    def publish(self, kind: Kind, name: str, organisation: str, *signers: SignerKey) -> KeyFile:
        """A fresh key in the directory, signed as it should be unless `signers` are given."""
        made = new_key(kind, name, organisation, begin=BEGIN)
        usual = self.desk.signer if kind is Kind.OFFICER else self.roots[organisation]
        self.directory_log.entries.append(certify(made.entry, *(signers or (usual,))).encode())
        return made

    @property
    def trust(self) -> Trust:
        """What clients carry."""
        roots = {
            "desk": (self.roots["state"].verifier,),
            "custodian": (self.roots["bar"].verifier,),
            "alternate": (self.roots["ombudsman"].verifier,),
        }
        return Trust(ORIGIN, self.receipts.policy, self.directory_log.policy, roots)

    def trust_file(self) -> str:
        """The content of trust.json."""
        trust = self.trust
        logs = {"receipts": str(trust.receipts.log), "directory": str(trust.directory.log)}
        roots = {purpose: [*map(str, keys)] for purpose, keys in trust.roots.items()}
        return json.dumps(
            {"origin": ORIGIN, "logs": logs, "witnesses": [], "quorum": 1, "roots": roots}
        )

    @property
    def directory(self) -> Directory:
        """As a client reads it now."""
        log = self.directory_log
        return open_directory(self.trust, log.checkpoint(), log.entries)

    def seal(self) -> types.SealedIdentity:
        """What the company lodged."""
        handle = self.case.handle
        written = signed.sign(
            WHO.SerializeToString(),
            self.case,
            handle=handle,
            kind=identity.KIND,
            number=identity.VERSION,
            recipient_key_id=self.desk.key_id,
        )
        return identity.seal(
            written,
            handle=handle,
            desk=self.desk.entry,
            custodian=self.custodian.entry,
            alternate=self.alternate.entry,
        )

    def brief(self, number: int = 1, officer: KeyFile | None = None) -> pb.UnsealingBrief:
        """What the officer puts before the custodians."""
        case = asking.Case(self.case.handle, REFERRAL, number, self.identity)
        return asking.prepare(
            case,
            legal_basis=pb.LEGAL_BASIS_JUDICIAL_PROCEEDINGS,
            reason=WHY,
            directory=self.directory,
            officer=officer or self.officer,
            one_time=self.one_time,
        )

    def lodge(
        self, brief: pb.UnsealingBrief, *, in_ledger: bool = True, request_hash: bytes = b""
    ) -> pb.UnsealingRecord:
        """The request as the platform has it, and hands it to custodians."""
        request_hash = request_hash or hashlib.sha256(brief.SerializeToString()).digest()
        salt = derive_salt(receipt_nonce(brief), brief.signer, request_hash)
        text = ReceiptText(salt, brief.handle, f"event-{brief.number}", EVENT, NOW)
        if in_ledger:
            self.receipts.entries += [text.commitment, bytes(32)]
        return pb.UnsealingRecord(
            unsealing=pb.Unsealing(
                unsealing_id=REFERRAL,
                number=brief.number,
                state=pb.UNSEALING_STATE_REQUESTED,
                desk="LABOUR_INSPECTORATE",
                legal_basis=brief.legal_basis,
                custodian=brief.custodian,
                alternate=brief.alternate,
                answered_at=Timestamp(seconds=int(NOW.timestamp())),
            ),
            brief=brief,
            receipt=types.Receipt(text=str(text)),
            request_hash=request_hash,
        )

    def proof(self, record: pb.UnsealingRecord) -> str:
        """The ledger's proof of a request."""
        return self.receipts.proof(ReceiptText.parse(record.receipt.text).commitment)


class Platform:
    """The services as a scripted server plays them, with the network's ledger and directory."""

    def __init__(self, network: Network, server: Server) -> None:
        self.network = network
        self.record: pb.UnsealingRecord | None = None
        self.in_ledger = True
        for method, play in {
            "GetReferral": self._get_referral,
            "GetSealedReport": self._get_sealed_report,
            "GetCheckpoint": self._get_checkpoint,
            "ListEntries": self._list_entries,
            "GetReceipt": self._get_receipt,
            "RequestUnsealing": self._request_unsealing,
            "GetUnsealing": self._get_unsealing,
            "GrantUnsealing": self._grant_unsealing,
            "RefuseUnsealing": self._refuse_unsealing,
        }.items():
            server.answer(method, *[play] * 20)

    @property
    def _asked(self) -> pb.UnsealingRecord:
        assert self.record
        return self.record

    def _get_referral(self, _: bytes) -> Message:
        handle = self.network.case.handle
        found = triage.Referral(referral_id=REFERRAL, handle=handle, desk="LABOUR_INSPECTORATE")
        return triage.GetReferralResponse(referral=found)

    def _get_sealed_report(self, _: bytes) -> Message:
        return content.GetSealedReportResponse(identity=self.network.identity)

    def _get_checkpoint(self, _: bytes) -> Message:
        return ledger.GetCheckpointResponse(checkpoint=self.network.directory_log.checkpoint())

    def _list_entries(self, request: bytes) -> Message:
        start = ledger.ListEntriesRequest.FromString(request).start_index
        log = self.network.directory_log.entries
        return ledger.ListEntriesResponse(
            entries=[ledger.Entry(index=n, value=log[n]) for n in range(start, len(log))]
        )

    def _get_receipt(self, request: bytes) -> Message | Failure:
        commitment = ledger.GetReceiptRequest.FromString(request).commitment
        if commitment not in self.network.receipts.entries:
            return Failure(grpc.StatusCode.NOT_FOUND, "no such receipt")
        return ledger.GetReceiptResponse(proof=self.network.receipts.proof(commitment))

    def _request_unsealing(self, data: bytes) -> Message:
        brief = pb.RequestUnsealingRequest.FromString(data).brief
        digest = hashlib.sha256(data).digest()
        self.record = self.network.lodge(brief, in_ledger=self.in_ledger, request_hash=digest)
        return pb.RequestUnsealingResponse(
            unsealing=self._asked.unsealing, receipt=self._asked.receipt
        )

    def _get_unsealing(self, _: bytes) -> Message:
        return pb.GetUnsealingResponse(record=self._asked)

    def _grant_unsealing(self, data: bytes) -> Message:
        self._asked.half.CopyFrom(pb.GrantUnsealingRequest.FromString(data).half)
        self._asked.unsealing.state = pb.UNSEALING_STATE_GRANTED
        return pb.GrantUnsealingResponse(unsealing=self._asked.unsealing)

    def _refuse_unsealing(self, data: bytes) -> Message:
        request = pb.RefuseUnsealingRequest.FromString(data)
        self._asked.remark.CopyFrom(request.remark)
        self._asked.unsealing.state = pb.UNSEALING_STATE_REFUSED
        self._asked.unsealing.refusal = request.reason
        return pb.RefuseUnsealingResponse(unsealing=self._asked.unsealing)


def ring(*keys: KeyFile) -> KeyRing:
    """Somebody's keys."""
    return KeyRing(keys)
