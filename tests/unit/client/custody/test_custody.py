"""From an officer's request to an identity read, and every way in which the platform could lie."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from harbourlight import unsealing
from harbourlight.custody import answering, opening
from harbourlight.custody.answering import Checked
from harbourlight.errors import CannotOpen, Untrusted
from harbourlight.keys.entries import Kind, Reason
from harbourlight.keys.making import revoke
from harbourlight.sealing.hpke import PrivateKey
from harbourlight.triage.v1 import unsealing_pb2 as pb
from tests.unit.client.proofs.build import WITNESSES

from .build import NOW, WHO, WHY, Network, ring


@pytest.fixture
def network() -> Network:
    return Network()


def check(network: Network, record: pb.UnsealingRecord, proof: str | None = None) -> Checked:
    return answering.check(
        record,
        directory=network.directory,
        policy=network.trust.receipts,
        proof=network.proof(record) if proof is None else proof,
        at=NOW,
    )


@pytest.mark.parametrize("who", ["custodian", "alternate"])
def test_with_desk_and_either_custodian_the_officer_reads_who_reports(
    network: Network, who: str
) -> None:
    record, holder = network.lodge(network.brief()), ring(getattr(network, who))
    checked = check(network, record)
    assert "jo@example.org of LABOUR_INSPECTORATE (state)" in checked.text
    assert answering.read_reason(checked, holder) == WHY
    half, key = answering.release(checked, holder)
    assert key is holder.keys[0]
    record.half.CopyFrom(half)
    opened = opening.open_half(record, network.one_time, network.directory)
    found = opening.open_identity(
        record.brief, network.identity, desk=network.desk.opens(), half=opened
    )
    assert found == WHO


def test_neither_the_released_half_nor_the_desks_is_enough(network: Network) -> None:
    record = network.lodge(network.brief())
    half, _ = answering.release(check(network, record), ring(network.custodian))
    record.half.CopyFrom(half)
    for other in (network.desk.opens(), network.custodian.opens(), PrivateKey.generate()):
        with pytest.raises(CannotOpen):
            opening.open_half(record, other, network.directory)
    opened = opening.open_half(record, network.one_time, network.directory)
    for wrong in (network.custodian.opens(), network.one_time, PrivateKey.generate()):
        with pytest.raises(CannotOpen):
            opening.open_identity(record.brief, network.identity, desk=wrong, half=opened)
    for guess in (bytes(32), bytes(31)):
        with pytest.raises(CannotOpen):
            opening.open_identity(
                record.brief, network.identity, desk=network.desk.opens(), half=guess
            )


def test_a_request_that_is_not_in_the_ledger_gets_nothing(network: Network) -> None:
    listed = network.lodge(network.brief(1))
    hidden = network.lodge(network.brief(2), in_ledger=False)
    for proof in ("", network.proof(listed), "c2sp.org/tlog-proof@v1\n"):
        with pytest.raises(Untrusted, match="not proven to be in the ledger"):
            check(network, hidden, proof)
    # Nor with the receipt of another request of the case, which is in the ledger.
    borrowed = pb.UnsealingRecord()
    borrowed.CopyFrom(hidden)
    borrowed.receipt.CopyFrom(listed.receipt)
    for request_hash in (hidden.request_hash, listed.request_hash):
        borrowed.request_hash = request_hash
        with pytest.raises(Untrusted, match="something else than this request"):
            check(network, borrowed, network.proof(listed))


def test_a_proof_by_another_log_is_none(network: Network) -> None:
    other = Network()
    record = network.lodge(network.brief())
    other.receipts.key = type(other.receipts.key).of(
        network.receipts.key.verifier.name, b"operator".ljust(32)
    )
    other.receipts.entries = network.receipts.entries
    with pytest.raises(Untrusted, match="not proven to be in the ledger"):
        check(network, record, other.proof(record))


LIES: dict[str, Callable[[pb.UnsealingRecord], object]] = {
    "another basis": lambda it: setattr(
        it.unsealing, "legal_basis", pb.LEGAL_BASIS_VITAL_INTERESTS
    ),
    "another number": lambda it: setattr(it.unsealing, "number", 9),
    "another desk": lambda it: setattr(it.unsealing, "desk", "POLICE"),
    "another custodian": lambda it: setattr(it.unsealing, "custodian", "operator"),
    "its own one-time key": lambda it: setattr(
        it.brief, "one_time_key", PrivateKey.generate().public_bytes
    ),
    "another half": lambda it: it.brief.custodian_seal.CopyFrom(it.brief.alternate_seal),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_the_platform_changes_nothing_of_a_request(
    network: Network, lie: Callable[[pb.UnsealingRecord], object]
) -> None:
    record = network.lodge(network.brief())
    lie(record)
    with pytest.raises(Untrusted):
        check(network, record)


def test_the_platform_cannot_ask_by_itself(network: Network) -> None:
    operator = Network()
    # A key that no desk signed, and one that another installation's desk did.
    made = network.publish(Kind.OFFICER, "jo@example.org", "state", operator.desk.signer)
    with pytest.raises(Untrusted, match="not in the directory"):
        check(network, network.lodge(network.brief(officer=made)))
    # A desk's key is no officer's.
    with pytest.raises(Untrusted, match="not the officer's who signed"):
        check(network, network.lodge(network.brief(officer=network.desk)))
    # Somebody's brief under an officer's name.
    brief = network.brief()
    brief.signer_key_id = network.officer.key_id
    unsealing.sign(brief, made.entry.signing, made.sign)
    with pytest.raises(Untrusted, match="not the officer's who signed"):
        check(network, network.lodge(brief))


def test_an_officer_who_left_asks_for_nothing_more(network: Network) -> None:
    record = network.lodge(network.brief())
    note = revoke(network.officer.key_id, Reason.LEFT, network.desk.signer, time=NOW)
    network.directory_log.entries.append(note.encode())
    with pytest.raises(Untrusted, match="does not count: it was revoked"):
        check(network, record)


def test_a_custodian_without_the_key_says_which_it_lacks(network: Network) -> None:
    checked = check(network, network.lodge(network.brief()))
    for keys in (ring(), ring(network.desk)):
        with pytest.raises(CannotOpen, match=network.custodian.key_id):
            answering.release(checked, keys)


def test_a_half_of_another_case_is_not_released(network: Network) -> None:
    """An officer of one case cannot have the seals of another opened under its own request."""
    other = Network()
    other.directory_log, other.desk = network.directory_log, network.desk
    other.custodian, other.alternate = network.custodian, network.alternate
    brief = network.brief()
    sealed = other.seal()
    brief.custodian_seal.CopyFrom(sealed.custodian)
    brief.alternate_seal.CopyFrom(sealed.alternate)
    unsealing.sign(brief, network.officer.entry.signing, network.officer.sign)
    checked = check(network, network.lodge(brief))
    with pytest.raises(CannotOpen, match="does not open as the custodian's"):
        answering.release(checked, ring(network.custodian))


def test_the_platform_cannot_answer_for_a_custodian(network: Network) -> None:
    record = network.lodge(network.brief())
    checked = check(network, record)
    # The half, signed by somebody else who has it: an officer, or a stranger.
    for forger in (network.officer, network.desk, Network().custodian):
        held = replace(network.custodian, signing=forger.signing)
        half, _ = answering.release(checked, ring(held))
        record.half.CopyFrom(half)
        with pytest.raises(Untrusted):
            opening.open_half(record, network.one_time, network.directory)
    # The half that answers another request of the case.
    again = check(network, network.lodge(network.brief(2)))
    half, _ = answering.release(again, ring(network.custodian))
    record.half.CopyFrom(half)
    with pytest.raises(Untrusted, match="does not carry the signature"):
        opening.open_half(record, network.one_time, network.directory)


def test_a_custodian_says_why_it_refuses_to_the_officer_alone(network: Network) -> None:
    record = network.lodge(network.brief())
    holder, directory = ring(network.alternate), network.directory
    text, key = answering.remark(
        record, "Ask the court first.", holder, directory=directory, at=NOW
    )
    assert key is network.alternate
    record.remark.CopyFrom(text)
    found = opening.open_remark(record, network.one_time, network.directory)
    assert found == "Ask the court first."
    with pytest.raises(CannotOpen):
        opening.open_remark(record, PrivateKey.generate(), network.directory)
    assert (
        opening.open_remark(network.lodge(network.brief()), network.one_time, network.directory)
        == ""
    )


def test_a_remark_is_not_sealed_to_a_key_of_the_platforms(network: Network) -> None:
    record, mine = network.lodge(network.brief()), PrivateKey.generate()
    record.brief.one_time_key = mine.public_bytes
    unsigned = pb.UnsealingRecord()
    unsigned.CopyFrom(record)
    operator = Network().officer
    unsealing.sign(record.brief, operator.entry.signing, operator.sign)
    for one in (unsigned, record):
        with pytest.raises(Untrusted):
            answering.remark(
                one, "Ask.", ring(network.custodian), directory=network.directory, at=NOW
            )


def test_a_ledger_of_the_platforms_own_is_no_word_on_where_a_request_is(network: Network) -> None:
    checked = check(network, network.lodge(network.brief()))
    policy = network.trust.receipts
    answering.expect_witnessed(checked, policy)
    with pytest.raises(Untrusted, match="by the ledger's word alone"):
        answering.expect_witnessed(checked, replace(policy, witnesses=(WITNESSES[0].verifier,)))


def test_a_request_that_lapsed_is_not_answered(network: Network) -> None:
    record = network.lodge(network.brief())
    with pytest.raises(Untrusted, match="stood for 14 days"):
        answering.check(
            record,
            directory=network.directory,
            policy=network.trust.receipts,
            proof=network.proof(record),
            at=NOW + timedelta(days=15),
        )


def test_an_identity_that_changed_since_is_asked_for_again(network: Network) -> None:
    record = network.lodge(network.brief())
    with pytest.raises(CannotOpen, match="ask again"):
        opening.open_identity(
            record.brief, network.seal(), desk=network.desk.opens(), half=bytes(32)
        )


def test_an_officers_reason_is_its_own(network: Network) -> None:
    colleague = network.publish(Kind.OFFICER, "cousin@example.org", "state")
    theirs, mine = network.brief(officer=colleague), network.brief()
    mine.explanation.CopyFrom(theirs.explanation)
    unsealing.sign(mine, network.officer.entry.signing, network.officer.sign)
    checked = check(network, network.lodge(mine))
    with pytest.raises(Untrusted, match="somebody else than the officer"):
        answering.read_reason(checked, ring(network.custodian))


def test_certificates_are_judged_at_the_time_of_the_answer(network: Network) -> None:
    record = network.lodge(network.brief())
    with pytest.raises(Untrusted, match="does not count: it is for use from"):
        answering.check(
            record,
            directory=network.directory,
            policy=network.trust.receipts,
            proof=network.proof(record),
            at=NOW + timedelta(days=400),
        )
