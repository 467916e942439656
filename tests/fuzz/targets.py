"""What is fuzzed: one function for each parser, and good bytes to begin with.

A function returns where the parser takes its bytes and where it refuses them as its documentation
says. Whatever else it raises is a crash. To add one: a function named `fuzz_…` behind `@target`.
"""

import base64
import contextlib
import json
import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harbourlight import CaseKey, Endpoints, work
from harbourlight.casefile import CaseFile
from harbourlight.errors import BadFile, Untrusted
from harbourlight.keys import entries
from harbourlight.keys.trust import Trust
from harbourlight.phrase import Phrase
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.notes import BadNote, Note, VerifierKey
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import BadReceipt, ReceiptText, verify
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.reporting.v1 import reporting_pb2
from harbourlight.sealing import metadata, signed
from shared import cloudevents, limits
from shared.callers import Callers
from shared.cloudevents import Undecodable
from shared.errors import Refusal
from shared.issuers import Issuer, IssuerKeys
from shared.signed_tokens import SignedTokens
from shared.work import Work
from tests.unit.client.proofs import build

Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {}
SEEDS: dict[str, Sequence[bytes]] = {}

ORIGIN = "harbourlight.test"
METHOD = "/harbourlight.reporting.v1.ReportingService/GetCase"
logging.getLogger("pypdf").setLevel(logging.CRITICAL)
_FOLDER = Path(tempfile.mkdtemp(prefix="harbourlight-fuzz-"))


def target(*seeds: bytes | str) -> Callable[[Target], Target]:
    """Registers a function under its name, with bytes that its parser takes."""

    def register(function: Target) -> Target:
        name = function.__name__.removeprefix("fuzz_")
        TARGETS[name] = function
        SEEDS[name] = [one.encode() if isinstance(one, str) else one for one in seeds]
        return function

    return register


def _written(data: bytes) -> Path:
    path = _FOLDER / "file"
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


_SIGNER = Ed25519PrivateKey.generate()
_ISSUER = Issuer("https://login.example", "x", *[frozenset({"y"})] * 4)
_JWK = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(_SIGNER.public_key()))
(_FOLDER / "jwks").write_text(json.dumps({"keys": [{**_JWK, "kid": "1"}]}))
_CALLERS = Callers(ORIGIN, _FOLDER / "jwks", [IssuerKeys(_ISSUER)])


def _token(**changed: object) -> str:
    now = int(time.time())
    claims = {"iss": ORIGIN, "aud": "harbourlight", "sub": "x", "iat": now, "exp": now + 36_000}
    more = {"role": "NGO", "org": "y", "desks": ["*"], "jurisdictions": ["MY"], **changed}
    return jwt.encode({**claims, **more}, _SIGNER, algorithm="EdDSA", headers={"kid": "1"})


def _body(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.split(".")[1] + "==")


@target(_token(), _token(iss=_ISSUER.url), _token(desks=[{}], exp=2**70), _token(iat=None))
def fuzz_token(data: bytes) -> None:
    """Tokens of people."""
    with contextlib.suppress(Refusal):
        _CALLERS.identify(METHOD, {"authorization": f"Bearer {data.decode('latin-1')}"}, b"")


@target(
    b'{"alg":"EdDSA","kid":"1","typ":"JWT"}\n\n' + _body(_token()),
    b'{"alg":"EdDSA","kid":"1"}\n\n' + _body(_token(iss=_ISSUER.url)),
)
def fuzz_token_parts(data: bytes) -> None:
    """Header and claims, signed as a trusted issuer would."""
    header, _, claims = data.partition(b"\n\n")
    parts = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims))
    signature = base64.urlsafe_b64encode(_SIGNER.sign(parts)).rstrip(b"=")
    fuzz_token(parts + b"." + signature)


def _split(data: bytes) -> list[tuple[str, bytes]]:
    """Lines of `name value` as pairs."""
    pairs = (line.partition(b" ") for line in data.split(b"\n\n"))
    return [(name.decode("latin-1"), value) for name, _, value in pairs]


_SIGNED = CaseKey.generate().sign_call(ORIGIN, METHOD, b"request")


@target("\n\n".join(f"{name} {value}" for name, value in _SIGNED))
def fuzz_call_signature(data: bytes) -> None:
    """Metadata of a company's call."""
    sent = {name: value.decode("latin-1") for name, value in _split(data)}
    with contextlib.suppress(Refusal):
        _CALLERS.identify(METHOD, sent, b"request")


_WORK = Work(b"secret")
_CHALLENGE = work.read_challenge(_WORK.challenge(METHOD, b"hash", 4))


@target(work.solve(_CHALLENGE, 4))
def fuzz_proof_of_work(data: bytes) -> None:
    """Solutions at the door, and challenges at the client."""
    text = data.decode("latin-1")
    _WORK.level(text, METHOD, b"hash")
    with contextlib.suppress(work.BadWork):
        work.read_challenge(text.partition(".")[0])


@target("ipv4:8.8.8.8:1", "ipv6:%5B2a00:1::1%25eth0%5D:1", "unix:/x")
def fuzz_peer(data: bytes) -> None:
    """gRPC's names of the other end."""
    limits.Limits()._address(data.decode("latin-1"))


_HEADERS = cloudevents.headers(
    event_id=str(uuid.UUID(int=7)),
    source="/services/reporting",
    event_type=reporting.ReportFiled.DESCRIPTOR.full_name,
    subject="HL-0123456789ABCDEFG",
    sequence=7,
    time=build.TEXT.time,
    causation_id=None,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
_EVENT = reporting.ReportFiled(handle="HL-0123456789ABCDEFG", desk="POLICE").SerializeToString()


@target(
    b"\n\n".join([*(f"{name} ".encode() + value for name, value in _HEADERS), b" " + _EVENT]),
    b"\n\n".join(f"{name} ".encode() + value for name, value in _HEADERS),
)
def fuzz_cloudevents(data: bytes) -> None:
    """Records of a topic: headers, and the value behind the last of them."""
    *found, (_, value) = _split(data)
    with contextlib.suppress(Undecodable):
        cloudevents.decode("reporting.events.v1", value, found)


_TOKENS = SignedTokens(b"secret")


@target(_TOKENS.encode(b"scope", [1, "x"]))
def fuzz_page_token(data: bytes) -> None:
    """Page and resume tokens."""
    with contextlib.suppress(Refusal):
        _TOKENS.decode(b"scope", data.decode("latin-1"), "page_token")


def _case_file() -> bytes:
    case = CaseFile.create(_FOLDER / "case.json", ORIGIN, Phrase.generate())
    return case.path.read_bytes()


@target(_case_file(), '{"format": "harbourlight-case", "version": 1, "private_key": "AAAA"}')
def fuzz_case_file(data: bytes) -> None:
    """Case files."""
    with contextlib.suppress(BadFile):
        CaseFile.load(_written(data), ORIGIN)


@target(" ".join(f"{n}. {word}" for n, word in enumerate(str(Phrase.generate()).split(), 1)))
def fuzz_phrase(data: bytes) -> None:
    """What people type of their twelve words."""
    with contextlib.suppress(ValueError):
        Phrase.parse(data.decode("utf-8", "replace"))


@target(
    json.dumps({"origin": "x", "services": {"a": "127.0.0.1:1"}, "tokens": {"A": "b"}, "ca": "c"})
)
def fuzz_endpoints(data: bytes) -> None:
    """Endpoints files."""
    with contextlib.suppress(BadFile):
        endpoints = Endpoints.load(_written(data))
        for service in endpoints.services:
            endpoints.address(service)


@target(str(build.TEXT))
def fuzz_receipt_text(data: bytes) -> None:
    """Receipt texts."""
    with contextlib.suppress(BadReceipt):
        ReceiptText.parse(data)


@target(str(build.receipt(*build.WITNESSES)), str(build.receipt().with_extra(None)))
def fuzz_receipt_file(data: bytes) -> None:
    """Receipt files, with all that verifying them reads."""
    with contextlib.suppress(BadNote):
        ProofFile.parse(data)
    with contextlib.suppress(BadNote, BadReceipt):
        verify(data, build.POLICY)


@target(str(build.receipt(*build.WITNESSES).checkpoint))
def fuzz_checkpoint(data: bytes) -> None:
    """Checkpoints and other signed notes."""
    with contextlib.suppress(BadNote):
        Checkpoint.parse(Note.parse(data).text)


@target(str(build.KEY.verifier))
def fuzz_verifier_key(data: bytes) -> None:
    """Note keys."""
    with contextlib.suppress(BadNote):
        VerifierKey.parse(data.decode("utf-8", "replace"))


_ENTRY = """harbourlight.key.v1
kind officer
name officer@example.org
jurisdiction *
organisation example-authority
number 1
not-before 2026-11-24T00:00:00Z
not-after 2027-11-24T00:00:00Z
signing AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""


@target(_ENTRY, "harbourlight.revocation.v1\nkey 0123456789abcdef\n", "harbourlight.routing.v1\n")
def fuzz_directory_entry(data: bytes) -> None:
    """Entries of the key directory."""
    with contextlib.suppress(BadNote):
        entries.parse(data.decode("utf-8", "replace"))


@target(
    json.dumps(
        {
            "origin": "o",
            "logs": {"receipts": str(build.KEY.verifier), "directory": str(build.KEY.verifier)},
            "witnesses": [str(one.verifier) for one in build.WITNESSES],
            "quorum": 1,
            "roots": {"desk": [str(build.KEY.verifier)]},
        }
    )
)
def fuzz_trust_file(data: bytes) -> None:
    """Trust files."""
    with contextlib.suppress(BadNote):
        Trust.parse(data)


_PDF = b"%PDF-1.7\n1 0 obj << /Author (Jane Doe) /Title <feff0041> >> endobj\ntrailer\n%%EOF"
_IMAGE = b"\xff\xd8\xff\xe1\x00\x16Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00\xff\xd9"
_ARCHIVE = (
    b"PK\x03\x04" + bytes(26) + b"docProps/core.xml<dc:creator>x</dc:creator>PK\x05\x06" + bytes(18)
)


@target(_PDF, _IMAGE, _ARCHIVE)
def fuzz_file_metadata(data: bytes) -> None:
    """What a file of evidence says about who made it."""
    list(metadata.read(_written(data)))


@target(reporting_pb2.GetCaseRequest(handle="HL-0123456789ABCDEFG").SerializeToString())
def fuzz_signed_content(data: bytes) -> None:
    """What is signed inside a seal."""
    with contextlib.suppress(Untrusted):
        signed._parse(data)
