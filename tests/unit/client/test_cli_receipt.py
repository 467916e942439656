"""`receipt verify` asks nobody; `receipt get` asks the ledger."""

import json
from pathlib import Path

import pytest

from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs.notes import encode

from .conftest import Run, Server
from .proofs.build import KEY, ORIGIN, TEXT, WITNESSES, receipt

TRUST = {
    "origin": ORIGIN.rpartition("/")[0],
    "logs": {"receipts": str(KEY.verifier)},
    "witnesses": [str(one.verifier) for one in WITNESSES],
    "quorum": 2,
}


@pytest.fixture
def files(run: Run) -> None:
    """What a verifier has, in the current folder."""
    Path("r.tlog-proof").write_text(str(receipt(*WITNESSES)))
    Path("bare.tlog-proof").write_text(str(receipt(*WITNESSES).with_extra(None)))
    Path("alone.tlog-proof").write_text(str(receipt()))
    Path("text").write_text(str(TEXT))
    Path("trust.json").write_text(json.dumps(TRUST))
    Path("ledger.vkey").write_text(f"{KEY.verifier}\n")
    Path("witness.vkey").write_text(f"{WITNESSES[1].verifier}\n")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "line",
    [
        "r.tlog-proof --trust trust.json",
        "r.tlog-proof --trust trust.json --text text",
        "bare.tlog-proof --trust trust.json --text text --witnessed",
        "r.tlog-proof --vkey ledger.vkey --witness witness.vkey",
        f"r.tlog-proof --vkey {KEY.verifier} --witness {WITNESSES[0].verifier}",
    ],
)
def test_a_receipt_is_verified_offline(server: Server, run: Run, line: str) -> None:
    result = run(f"receipt verify {line}")
    assert result.exit_code == 0, result.stderr
    assert "lodged no later than 2026-09-21T14:1" in result.stdout
    assert TEXT.handle in result.stdout
    assert "entry 6 of 12" in result.stdout
    assert server.calls == []


@pytest.mark.usefixtures("files")
def test_scripts_get_json_and_a_choice_about_witnesses(run: Run) -> None:
    data = json.loads(run("receipt verify r.tlog-proof --trust trust.json --json").stdout)
    assert data["witnessed"] is True
    assert data["proven_time"] == "2026-09-21T14:13:20Z"
    assert [one["name"] for one in data["witnesses"]] == [f"witness.test/{n}" for n in (1, 2, 3)]
    alone = run("receipt verify alone.tlog-proof --vkey ledger.vkey")
    assert (alone.exit_code, "UNWITNESSED: 0 of the 1" in alone.stdout) == (0, True)
    refused = run("receipt verify alone.tlog-proof --vkey ledger.vkey --witnessed")
    assert refused.exit_code == 6
    assert "nobody but the log itself says when" in refused.stderr


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("r.tlog-proof", 2, "name it with --vkey"),
        ("none --vkey ledger.vkey", 2, "cannot read none"),
        ("r.tlog-proof --vkey text", 2, "a verifier key is written"),
        ("r.tlog-proof --trust text", 2, "no trust file"),
        ("text --vkey ledger.vkey", 6, "proves nothing"),
        ("bare.tlog-proof --vkey ledger.vkey", 6, "bare"),
        ("r.tlog-proof --vkey ledger.vkey --text ledger.vkey", 6, "another text"),
        (f"r.tlog-proof --vkey {WITNESSES[0].verifier}", 2, "not a log"),
    ],
)
def test_what_does_not_hold_is_refused_with_its_reason(
    run: Run, line: str, code: int, said: str
) -> None:
    result = run(f"receipt verify {line}")
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("files")
def test_a_proof_is_fetched_bare_or_with_the_text(server: Server, run: Run) -> None:
    bare = str(receipt(*WITNESSES).with_extra(None))
    server.answer("GetReceipt", *[pb.GetReceiptResponse(proof=bare)] * 4)
    for written in (TEXT.commitment.hex(), encode(TEXT.commitment)):
        assert run(f"receipt get {written}").stdout == bare
        assert server.last(pb.GetReceiptRequest).commitment == TEXT.commitment
        assert "authorization" not in server.calls[-1].metadata
    assert run("receipt get nothing").exit_code == 2
    assert run("receipt get --text text --output got.tlog-proof").exit_code == 0
    assert Path("got.tlog-proof").read_text() == str(receipt(*WITNESSES))
    assert run("receipt get").exit_code == 2
