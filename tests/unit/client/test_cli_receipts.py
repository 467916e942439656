"""Receipts on the command line: kept, collected, shown, claimed and checked."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from harbourlight import CaseFile
from harbourlight.ledger.v1 import ledger_pb2 as ledger
from harbourlight.proofs.notes import SignerKey
from harbourlight.proofs.receipts import ReceiptText
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.reporting.v1 import reporting_pb2 as reporting

from .conftest import OPTIONS, ORIGIN, Failure, Run, Server
from .proofs import build
from .test_lodging import PROMISER, receipt, text_of

CHALLENGE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NOT_YET = Failure(grpc.StatusCode.NOT_FOUND, "no such receipt")
WITNESS = build.WITNESSES[0]


@pytest.fixture
def case(server: Server, run: Run) -> CaseFile:
    """A case with one receipt, whose endpoints name the keys of promises and ledger."""
    path = Path(".harbourlight/endpoints.json")
    files = {"ledger.vkey": build.KEY, "witness.vkey": WITNESS}
    for name, key in files.items():
        (path.parent / name).write_text(f"{key.verifier}\n")
    content = json.loads(path.read_text())
    content |= {
        "promises": {"reporting": str(PROMISER.verifier)},
        "ledger": {name: name for name in files},
    }
    path.write_text(json.dumps(content))
    made = CaseFile.create(Path("case.json"), ORIGIN)
    lodge(server, run, made)
    return made


def lodge(server: Server, run: Run, case: CaseFile, age: timedelta = timedelta()) -> None:
    def answer(request: bytes) -> reporting.SubmitReportResponse:
        text = text_of(request, case.key)
        aged = ReceiptText(
            text.salt, text.handle, text.event_id, text.event_type, datetime.now(UTC) - age
        )
        return reporting.SubmitReportResponse(receipt=receipt(aged))

    server.answer("SubmitReport", answer)
    result = run(f"report submit {OPTIONS}")
    assert result.exit_code == 0, result.stderr
    assert "The receipt is in case.json.receipts" in result.stderr


def proof(text: ReceiptText, *witnesses: SignerKey) -> ledger.GetReceiptResponse:
    log = build.tree([bytes(32), text.commitment, b"x" * 32])
    hashes = tuple(log.inclusion(1, 3))
    file = build.ProofFile(1, hashes, log.checkpoint(3, *witnesses))
    return ledger.GetReceiptResponse(proof=str(file))


def only() -> ReceiptText:
    (kept,) = ReceiptFolder(Path("case.json.receipts")).all()
    return kept.text


def nothing_listed(server: Server) -> None:
    server.answer("ListReceipts", reporting.ListReceiptsResponse())


def test_a_fresh_receipt_is_promised(server: Server, run: Run, case: CaseFile) -> None:
    result = run("receipt list")
    assert result.exit_code == 0, result.stderr
    assert "ReportFiled  PROMISED  in the ledger by" in result.stdout
    assert only().event_id in result.stdout
    (row,) = json.loads(run("receipt list --json").stdout)
    assert (row["standing"], row["handle"]) == ("PROMISED", case.handle)


def test_a_collected_receipt_is_a_file_that_proves_itself(
    server: Server, run: Run, case: CaseFile
) -> None:
    nothing_listed(server)
    server.answer("GetReceipt", NOT_YET)
    assert "PROMISED" in run("receipt collect").stdout

    nothing_listed(server)
    server.answer("GetReceipt", proof(only()))
    assert "UNWITNESSED: 0 of the 1 witnesses" in run("receipt collect").stdout
    request = server.last(ledger.GetReceiptRequest)
    assert (request.commitment, request.witnesses) == (only().commitment, 1)
    assert not {"harbourlight-key", "authorization"} & server.calls[-1].metadata.keys()

    nothing_listed(server)
    server.answer("GetReceipt", proof(only(), WITNESS))
    assert "PROVEN    lodged no later than" in run("receipt collect").stdout
    # What is proven is not asked for again.
    nothing_listed(server)
    assert run("receipt collect").exit_code == 0
    assert Path("case.json.receipts", f"{only().event_id}.tlog-proof").exists()
    assert "PROVEN" in run("receipt list").stdout


@pytest.mark.parametrize(
    "forge",
    [
        lambda answer: answer.proof.replace("index 1", "index 2"),
        lambda answer: answer.proof.replace(build.ORIGIN, "elsewhere"),
        lambda answer: "",
    ],
)
def test_a_proof_that_does_not_hold_is_not_kept(
    server: Server, run: Run, case: CaseFile, forge: Callable[[ledger.GetReceiptResponse], str]
) -> None:
    nothing_listed(server)
    server.answer("GetReceipt", ledger.GetReceiptResponse(proof=forge(proof(only()))))
    result = run("receipt collect")
    assert result.exit_code == 6
    assert "does not hold" in result.stderr
    assert not list(Path("case.json.receipts").glob("*.tlog-proof"))


def test_a_broken_promise_is_kept_and_told(server: Server, run: Run, case: CaseFile) -> None:
    kept = Path("case.json.receipts")
    for path in kept.iterdir():
        path.unlink()
    lodge(server, run, case, age=timedelta(minutes=5))
    nothing_listed(server)
    server.answer("GetReceipt", NOT_YET, NOT_YET)
    checkpoint = str(build.tree([bytes(32)]).checkpoint(1))
    server.answer("GetCheckpoint", ledger.GetCheckpointResponse(checkpoint=checkpoint))
    result = run("receipt collect")
    assert result.exit_code == 6
    assert "BROKEN" in result.stdout
    assert "show the files that end in .broken" in result.stderr
    evidence = json.loads((kept / f"{only().event_id}.broken").read_text())
    assert (evidence["text"], evidence["checkpoint"]) == (str(only()), checkpoint)
    assert "BROKEN" in run("receipt list").stdout


def test_a_challenge_is_answered_and_the_answer_checked(
    server: Server, run: Run, case: CaseFile
) -> None:
    nothing_listed(server)
    server.answer("GetReceipt", proof(only(), WITNESS))
    run("receipt collect")
    shown = f"case.json.receipts/{only().event_id}"
    drawn = run("receipt challenge").stdout.strip()
    assert len(drawn) == len(CHALLENGE)
    Path("answer").write_text(run(f"receipt answer {only().event_id} {drawn}").stdout)
    result = run(f"receipt check {shown}.tlog-proof {drawn} answer --request {shown}.request")
    assert result.exit_code == 0, result.stderr
    assert f"Case        {case.handle}" in result.stdout
    assert "the holder of the case" in result.stdout
    assert "as shown" in result.stdout
    for arguments, says in (
        (f"{shown}.tlog-proof {CHALLENGE} answer", "not signed by the key"),
        (f"{shown}.tlog-proof {drawn} {shown}.request", "five lines"),
        (f"{shown}.tlog-proof {drawn} answer --request case.json", "is not what was lodged"),
        (f"{shown}.request {drawn} answer", "UTF-8|begins with the line"),
    ):
        result = run(f"receipt check {arguments}")
        assert result.exit_code == 6
        assert any(one in result.stderr for one in says.split("|"))


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (f"receipt answer nothing {CHALLENGE}", 2, "has no receipt nothing"),
        ("receipt list --vkey nowhere", 2, "cannot read nowhere"),
        ("receipt check nowhere x y", 2, "cannot read nowhere"),
    ],
)
def test_what_is_missing_is_told(
    run: Run, case: CaseFile, command: str, code: int, says: str
) -> None:
    result = run(command)
    assert result.exit_code == code
    assert says in result.stderr


def test_without_keys_to_check_by_nothing_is_believed(run: Run) -> None:
    CaseFile.create(Path("case.json"), ORIGIN)
    result = run("receipt list")
    assert result.exit_code == 2
    assert "name no ledger.vkey" in result.stderr
