"""One case in the middle of its life, and everybody who may or may not have to do with it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from harbourlight import CaseKey, unsealing
from harbourlight.errors import NotFound, WrongState
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.reporting.v1 import evidence_pb2 as evidence
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealings
from tests.contract.everything import path
from tests.contract.valid_requests import valid_request
from tests.integration.installation import ORIGIN, Installation
from tests.integration.parties import DESK, OTHER_DESK, Case, Parties, Secrets, read
from tests.integration.test_evidence import File
from tests.integration.waiting import eventually

COUNTRY, ELSEWHERE = "MY", "IT"
CUSTODIAN, ALTERNATE, VERIFIER = "bar-association", "ombudsman", "workers-rights"
_SIGNER = Ed25519PrivateKey.generate()
_SILENCE_SECONDS = 1.5
"""After which a stream has nothing to say."""


@dataclass(frozen=True)
class Who:
    """A caller, by what its credential says."""

    name: str
    role: str
    is_right: bool
    """Whether the case is this caller's, as far as it is anybody's of the role."""
    claims: dict[str, Any] = field(default_factory=dict)


def _officer(name: str, is_right: bool, desk: str, country: str) -> Who:
    claims = {"org": "inspectorate", "desks": [desk], "jurisdictions": [country]}
    return Who(name, "AUTHORITY", is_right, claims)


def _other(name: str, role: str, is_right: bool, org: str, country: str) -> Who:
    return Who(name, role, is_right, {"org": org, "desks": [], "jurisdictions": [country]})


EVERYBODY = (
    Who("nobody", "PUBLIC", False),
    Who("the company", "COMPANY", True),
    Who("another company", "COMPANY", False),
    _officer("an officer of the desk", True, DESK, COUNTRY),
    _officer("an officer of the desk elsewhere", False, DESK, ELSEWHERE),
    _officer("an officer of another desk", False, OTHER_DESK, COUNTRY),
    _officer("an officer without a desk", False, "", COUNTRY),
    _other("the custodian", "CUSTODIAN", True, CUSTODIAN, COUNTRY),
    _other("another custodian elsewhere", "CUSTODIAN", False, "another", ELSEWHERE),
    _other("the verifier", "NGO", True, VERIFIER, "*"),
    _other("another NGO", "NGO", False, "another", "*"),
    _other("an operator", "OPERATOR", True, "operator", "*"),
)


@dataclass
class Answer:
    """What a caller got."""

    code: str
    body: bytes = b""
    details: str = ""


@dataclass
class Scene:
    """The case and what belongs to it."""

    installation: Installation
    case: Case
    other: CaseKey
    referral_id: str
    item_id: str
    unsealing_id: str
    evidence: int
    """Number of its file."""

    @property
    def traces(self) -> list[bytes]:
        """What nobody else may see."""
        names = (self.case.handle, self.referral_id, self.item_id, self.unsealing_id)
        return [name.encode() for name in names]

    def request(self, method: MethodDescriptor, who: Who) -> Message:
        """A request about this case, by names; what names something unknown here fails loudly."""
        made = valid_request(method, self.case.handle)
        for name in ("referral_id", "item_id", "unsealing_id"):
            if name in method.input_type.fields_by_name:
                setattr(made, name, getattr(self, name))
        if "request_id" in method.input_type.fields_by_name:
            setattr(made, "request_id", str(uuid4()))  # noqa: B010 (not every request has one)
        if isinstance(made, unsealings.RequestUnsealingRequest):
            return unsealing_request(self.case, self.referral_id, number=2)
        if isinstance(made, evidence.GetEvidenceRequest):
            made.number = self.evidence
        if isinstance(made, content.SendMessageRequest) and who.role == "AUTHORITY":
            # A desk seals to the company and to itself.
            made.content.CopyFrom(Secrets().desk_content(1, self.case.handle))
        return made

    def metadata(self, who: Who, method: str, body: bytes) -> tuple[tuple[str, str], ...]:
        """What this caller sends along; people are somebody else each time."""
        if who.role == "PUBLIC":
            return ()
        if who.role == "COMPANY":
            key = self.case.key if who.is_right else self.other
            return key.sign_call(ORIGIN, method, body)
        token = self.installation.stack.mint(who.role, sub=uuid4().hex, **who.claims)
        return (("authorization", f"Bearer {token}"),)

    async def call(self, channel: grpc.aio.Channel, method: MethodDescriptor, who: Who) -> Answer:
        """The first answer, empty where a stream has nothing to say."""
        body, name = self.request(method, who).SerializeToString(), path(method)
        metadata = self.metadata(who, name, body)
        try:
            if method.client_streaming:

                async def upload() -> AsyncIterator[bytes]:
                    yield body

                upload_call = channel.stream_unary(name)
                return Answer("OK", bytes(await upload_call(upload(), metadata=metadata)))
            if not method.server_streaming:
                call = channel.unary_unary(name)
                return Answer("OK", bytes(await call(body, metadata=metadata, timeout=30)))
            stream = channel.unary_stream(name)(body, metadata=metadata)
            try:
                first = await asyncio.wait_for(stream.read(), _SILENCE_SECONDS)
            except TimeoutError:
                return Answer("OK")
            finally:
                stream.cancel()
            return Answer("OK", b"" if first is grpc.aio.EOF else bytes(first))
        except grpc.aio.AioRpcError as refused:
            return Answer(refused.code().name, details=refused.details() or "")


def unsealing_request(
    case: Case, referral_id: str, number: int = 1
) -> unsealings.RequestUnsealingRequest:
    """An officer's, signed as it has to be."""
    brief = unsealings.UnsealingBrief(
        handle=case.handle,
        referral_id=referral_id,
        legal_basis=unsealings.LEGAL_BASIS_INVESTIGATION,
        number=number,
        one_time_key=bytes(1216),
        identity_version=1,
        identity_hash=bytes(32),
        custodian_seal=case.identity.custodian,
        alternate_seal=case.identity.alternate,
        custodian=CUSTODIAN,
        alternate=ALTERNATE,
        signer_key_id="5e" * 8,
    )
    brief.explanation.number, brief.explanation.payload = 1, b"sealed reasons"
    unsealing.sign(brief, _SIGNER.public_key().public_bytes_raw(), _SIGNER.sign)
    return unsealings.RequestUnsealingRequest(
        request_id=str(uuid4()),
        referral_id=referral_id,
        brief=brief,
        receipt_nonce=unsealing.receipt_nonce(brief),
    )


async def stage(installation: Installation, parties: Parties) -> Scene:
    """A case with a file and a message, taken up, unsealing asked for, a remedy under way."""
    case = await parties.report()
    file = await File.of(parties, case, b"a file").add()
    officer = parties.officer(DESK, country=COUNTRY)
    referral = await _referral(officer)
    accept = triage.AcceptReferralRequest(request_id=str(uuid4()), referral_id=referral.referral_id)
    await officer.call(accept, triage.AcceptReferralResponse)
    asked = await officer.call(
        unsealing_request(case, referral.referral_id), unsealings.RequestUnsealingResponse
    )
    return Scene(
        installation,
        case,
        CaseKey.generate(),
        referral.referral_id,
        await _item(case, officer),
        asked.unsealing.unsealing_id,
        file.description.content.number,
    )


async def _referral(officer: Any) -> Any:
    found: list[Any] = []

    async def arrived() -> bool:
        answer = await officer.call(triage.ListQueueRequest(), triage.ListQueueResponse)
        found.extend(answer.referrals)
        return bool(found)

    await eventually(arrived)
    return found[0]


async def _item(case: Case, officer: Any) -> str:
    method = remedy.DESCRIPTOR.services_by_name["RemedyService"].methods_by_name["ProposePlan"]
    plan: Any = valid_request(method, case.handle)
    proposed: list[remedy.ProposePlanResponse] = []

    async def known() -> bool:
        try:
            proposed.append(await case.company.call(plan, remedy.ProposePlanResponse))
        except (NotFound, WrongState):
            return False
        return True

    await eventually(known)
    agree = remedy.AgreePlanRequest(
        request_id=str(uuid4()), handle=case.handle, verifiers=[VERIFIER]
    )
    await officer.call(agree, remedy.AgreePlanResponse)

    async def is_desks() -> bool:
        try:
            await read(officer, case.handle)
        except (NotFound, WrongState):
            return False
        return True

    await eventually(is_desks)
    return str(proposed[0].remedy.items[0].item_id)
