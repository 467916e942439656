import grpc

from harbourlight.triage.v1 import transfer_pb2 as transfer
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealing

from .conftest import ITEM, Failure, Run, Server


def test_a_case_is_offered_to_another_desk(server: Server, run: Run) -> None:
    offer = triage.Transfer(
        desk="POLICE",
        state=transfer.TRANSFER_STATE_REQUESTED,
        reason=transfer.TRANSFER_REASON_CRIMINAL_OFFENCE,
        referral_id="9d8f3c1e-7b2a-4c3d-9e4f-5a6b7c8d9e0f",
    )
    referral = triage.Referral(referral_id=ITEM, transfers=[offer])
    server.answer("TransferReferral", triage.TransferReferralResponse(referral=referral))
    result = run(f"triage transfer {ITEM} --desk POLICE --reason criminal-offence --etag 4")
    assert result.exit_code == 0, result.stderr
    assert f"POLICE REQUESTED (CRIMINAL_OFFENCE) as {offer.referral_id}" in result.stdout
    request = server.last(triage.TransferReferralRequest)
    assert (request.desk, request.etag) == ("POLICE", "4")
    assert request.reason == transfer.TRANSFER_REASON_CRIMINAL_OFFENCE


def test_an_officer_is_taken_off_a_case(server: Server, run: Run) -> None:
    server.answer("RecuseOfficer", triage.RecuseOfficerResponse(), triage.RecuseOfficerResponse())
    assert run(f"triage recuse {ITEM}").exit_code == 0
    assert server.last(triage.RecuseOfficerRequest).officer == ""
    assert run(f"triage recuse {ITEM} --officer jo@example.org").exit_code == 0
    assert server.last(triage.RecuseOfficerRequest).officer == "jo@example.org"


def test_a_fact_is_released(server: Server, run: Run) -> None:
    asked = unsealing.Unsealing(
        unsealing_id=ITEM,
        state=unsealing.UNSEALING_STATE_REFUSED,
        refusal=unsealing.UNSEALING_REFUSAL_NOT_NECESSARY,
    )
    referral = triage.Referral(facility_id="CN2021250D1DTN7", unsealings=[asked])
    server.answer("ReleaseFacts", triage.ReleaseFactsResponse(referral=referral))
    result = run(f"triage release {ITEM} --facility CN2021250D1DTN7 --people 40")
    assert result.exit_code == 0, result.stderr
    assert "CN2021250D1DTN7" in result.stdout
    assert f"{ITEM}  REFUSED  NOT_NECESSARY" in result.stdout
    request = server.last(triage.ReleaseFactsRequest)
    assert (request.facility_id, request.people_affected) == ("CN2021250D1DTN7", 40)
    # Without a signing key there is no receipt.
    assert (request.signer, request.receipt_nonce) == (b"", b"")


def test_a_mistyped_facility_id_is_caught_here(server: Server, run: Run) -> None:
    result = run(f"triage release {ITEM} --facility CN2021250D1DTN8")
    assert result.exit_code == 2
    assert "check digit" in result.stderr
    assert not server.calls


def test_a_desk_that_is_none_is_refused_by_the_service(server: Server, run: Run) -> None:
    server.answer("TransferReferral", Failure(grpc.StatusCode.INVALID_ARGUMENT, "desk: none of"))
    result = run(f"triage transfer {ITEM} --desk NOBODY --reason outside-mandate")
    assert result.exit_code == 3
