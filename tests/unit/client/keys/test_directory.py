"""Who is believed, and since when: each line that must not be crossed, by who would cross it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from harbourlight.errors import Untrusted
from harbourlight.keys import making
from harbourlight.keys.directory import Directory, open_directory, root_of
from harbourlight.keys.entries import Kind, Reason
from harbourlight.keys.memory import Memory
from harbourlight.keys.recipients import choose
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.notes import SignerKey
from harbourlight.routing import RoutingTable, current

from .world import (
    ALTERNATE_ROOT,
    CUSTODIAN_ROOT,
    DESK_ROOT,
    LABOUR,
    LOG,
    NOW,
    ORIGIN,
    ROUTING_ROOT,
    SERVICE_ROOT,
    TRUST,
    World,
    checkpoint,
    desk_key,
    key,
)

HOUR = timedelta(hours=1)


def desk(directory: Directory, country: str = "MY", name: str = LABOUR) -> str:
    return directory.current(Kind.DESK, name, country, NOW).key_id


def ignored(world: World) -> str:
    """Why the last entry is not believed."""
    index, reason = world.directory().ignored[-1]
    assert index == len(world.log) - 1
    return reason


def test_what_is_properly_signed_is_believed() -> None:
    world = World()
    directory = world.directory()
    assert directory.ignored == []
    assert desk(directory) == world.desk.key_id
    assert directory.any_current(Kind.CUSTODIAN, "MY", NOW).key_id == world.custodian.key_id
    assert directory.public_key_of(NOW)(world.officer.key_id) == world.officer.entry.signing
    directory.check_routing(current())


@pytest.mark.parametrize(
    "root",
    [
        CUSTODIAN_ROOT,
        ALTERNATE_ROOT,
        SERVICE_ROOT,
        ROUTING_ROOT,
        SignerKey.of("ministry", b"\x66" * 32),
        LOG,
    ],
)
def test_nobody_but_a_desks_root_makes_desk_keys(root: SignerKey) -> None:
    world = World()
    world.certify(desk_key(number=9), root)
    assert "no root of ministry" in ignored(world)
    assert desk(world.directory()) == world.desk.key_id


def test_a_root_signs_for_its_own_organisation_alone() -> None:
    world = World()
    world.certify(key(Kind.DESK, "POLICE", "interior"), DESK_ROOT)
    assert "no root of interior" in ignored(world)


def test_another_trusted_organisation_cannot_take_a_desk_over() -> None:
    interior = SignerKey.of("interior", b"\x55" * 32)
    trust = replace(TRUST, roots=TRUST.roots | {"desk": (DESK_ROOT.verifier, interior.verifier)})
    world = World()
    world.certify(key(Kind.DESK, LABOUR, "interior", number=9), interior)
    directory = open_directory(trust, checkpoint(world.log), world.log)
    assert "take it over" in directory.ignored[-1][1]
    assert desk(directory) == world.desk.key_id


def test_a_key_of_the_country_comes_before_the_one_for_all() -> None:
    world = World()
    here = world.certify(desk_key(jurisdiction="MY"), DESK_ROOT)
    directory = world.directory()
    assert desk(directory, "MY") == here.key_id
    assert desk(directory, "TH") == world.desk.key_id
    world.publish(making.revoke(here.key_id, Reason.LOST, DESK_ROOT, time=NOW - HOUR))
    assert desk(world.directory(), "MY") == world.desk.key_id


def test_the_highest_number_that_counts_is_used() -> None:
    world = World()
    new = world.certify(desk_key(number=3), DESK_ROOT)
    world.certify(desk_key(number=2), DESK_ROOT)
    world.certify(desk_key(number=7, begin=NOW + HOUR), DESK_ROOT)
    world.certify(desk_key(number=8, begin=NOW - timedelta(days=9), days=8), DESK_ROOT)
    assert desk(world.directory()) == new.key_id


def test_where_no_key_counts_nothing_is_sealed() -> None:
    world = World()
    with pytest.raises(Untrusted, match="no key of desk POLICE for MY"):
        desk(world.directory(), name="POLICE")
    with pytest.raises(Untrusted, match="nothing is sealed"):
        world.directory().current(Kind.DESK, LABOUR, "MY", NOW + timedelta(days=400))
    empty = World(log=[])
    with pytest.raises(Untrusted, match="no custodian for MY"):
        empty.directory(empty.log[:1]).any_current(Kind.CUSTODIAN, "MY", NOW)


def test_an_officer_counts_while_its_desk_says_so() -> None:
    world = World()
    officer = world.officer.key_id
    world.publish(making.revoke(officer, Reason.LEFT, world.desk.signer, time=NOW))
    directory = world.directory()
    assert directory.public_key_of(NOW - HOUR)(officer)
    for at in (NOW, NOW + HOUR):
        with pytest.raises(Untrusted, match=r"revoked at 2026-11-24T12:00:00Z.*not shown"):
            directory.public_key_of(at)(officer)


@pytest.mark.parametrize("signer", [DESK_ROOT, CUSTODIAN_ROOT, LOG, SignerKey.of("x", bytes(32))])
def test_nobody_but_its_desk_certifies_an_officer(signer: SignerKey) -> None:
    world = World()
    world.certify(key(Kind.OFFICER, "mallory", "ministry"), signer)
    assert "no desk of ministry signed" in ignored(world)


def test_an_officer_is_of_its_desks_organisation() -> None:
    world = World()
    world.certify(key(Kind.OFFICER, "mallory", "interior"), world.desk.signer)
    assert "no desk of interior" in ignored(world)


def test_an_officer_and_a_custodian_certify_nobody() -> None:
    world = World()
    for signer in (world.officer.signer, world.custodian.signer):
        world.certify(key(Kind.OFFICER, "mallory", "ministry"), signer)
        assert "no desk of ministry" in ignored(world)


def test_an_officer_writes_for_its_own_desk_alone() -> None:
    world = World()
    police = world.certify(key(Kind.DESK, "POLICE", "ministry"), DESK_ROOT)
    constable = world.certify(key(Kind.OFFICER, "constable", "ministry"), police.signer)
    public_key_of = world.directory().public_key_of(NOW, desks={LABOUR})
    assert public_key_of(world.officer.key_id)
    with pytest.raises(Untrusted, match="of POLICE, which does not handle this"):
        public_key_of(constable.key_id)
    for file in (world.custodian, world.desk):
        with pytest.raises(Untrusted, match="only officer may sign"):
            public_key_of(file.key_id)
    assert world.directory().public_key_of(NOW, kinds=[Kind.CUSTODIAN])(world.custodian.key_id)


def test_a_desk_key_that_was_revoked_certifies_nobody_any_more() -> None:
    """Who leaves may know the desk's key, and can write any date: the place in the log counts."""
    world = World()
    new = world.certify(desk_key(number=2), DESK_ROOT)
    world.publish(making.revoke(world.desk.key_id, Reason.ROTATED, DESK_ROOT, time=NOW - HOUR))
    world.certify(key(Kind.OFFICER, "mallory", "ministry"), world.desk.signer)
    assert "no desk of ministry" in ignored(world)
    directory = world.directory()
    assert desk(directory) == new.key_id
    # Who was certified by the old key alone needs the new one's word from then on.
    assert directory.public_key_of(NOW - 2 * HOUR)(world.officer.key_id)
    with pytest.raises(Untrusted, match="no key of its desk"):
        directory.public_key_of(NOW)(world.officer.key_id)
    world.certify(world.officer, new.signer)
    assert world.directory().public_key_of(NOW)(world.officer.key_id)


@pytest.mark.parametrize("signer", [CUSTODIAN_ROOT, SERVICE_ROOT, LOG])
def test_nobody_else_ends_a_key(signer: SignerKey) -> None:
    world = World()
    for file in (world.desk, world.officer):
        world.publish(making.revoke(file.key_id, Reason.LOST, signer, time=NOW - HOUR))
        assert "nobody who may" in ignored(world)
    directory = world.directory()
    assert desk(directory) == world.desk.key_id
    assert directory.public_key_of(NOW)(world.officer.key_id)


def test_an_organisations_root_ends_its_officers_too() -> None:
    world = World()
    note = making.revoke(world.officer.key_id, Reason.LOST, DESK_ROOT, time=NOW - HOUR)
    world.publish(note)
    with pytest.raises(Untrusted, match="revoked"):
        world.directory().public_key_of(NOW)(world.officer.key_id)


def test_a_key_that_nobody_published_is_not_believed() -> None:
    with pytest.raises(Untrusted, match="not in the directory"):
        World().directory().find(desk_key().key_id)


def test_what_is_malformed_or_of_later_versions_harms_nothing() -> None:
    world = World()
    signed = making.certify(world.desk.entry, DESK_ROOT)
    for note in ("nonsense", signed.replace("number 1", "number x")):
        world.publish(note)
    world.log.append(b"\xff\xfe")
    world.publish(str(Checkpoint(ORIGIN, 0, root_of([])).sign(SignerKey.of(ORIGIN, bytes(32)))))
    directory = world.directory()
    assert len(directory.ignored) == 3
    assert desk(directory) == world.desk.key_id


def test_a_changed_signature_is_not_believed() -> None:
    world = World()
    note = making.certify(desk_key(number=9).entry, DESK_ROOT)
    world.publish(note.replace("number 9", "number 8"))
    assert "does not match" in ignored(world)


OTHER_TABLE = RoutingTable(
    current().version, ({**current().rows[0], "desk": "POLICE"}, *current().rows[1:])
)


def test_another_routing_table_is_refused() -> None:
    directory = World().directory()
    with pytest.raises(Untrusted, match="Nothing is sealed by another table"):
        directory.check_routing(OTHER_TABLE)
    with pytest.raises(Untrusted, match="Nothing is sealed by another table"):
        directory.check_routing(replace(current(), version="routing/2026-2"))


def test_nobody_but_the_routing_root_puts_a_table_into_force() -> None:
    world = World()
    for signer in (DESK_ROOT, SERVICE_ROOT, LOG, world.desk.signer):
        world.publish(making.sign_routing(OTHER_TABLE, signer))
        assert "no root for routing" in ignored(world)
    world.directory().check_routing(current())
    world.publish(making.sign_routing(OTHER_TABLE, ROUTING_ROOT))
    world.directory().check_routing(OTHER_TABLE)


def test_a_table_that_another_took_the_place_of_is_not_brought_back() -> None:
    world = World()
    world.publish(making.sign_routing(OTHER_TABLE, ROUTING_ROOT))
    # The routing root's own word of earlier, which anybody can put into the log again.
    world.publish(making.sign_routing(current(), ROUTING_ROOT))
    assert "under a new version" in ignored(world)
    world.directory().check_routing(OTHER_TABLE)


def test_without_a_signed_table_nothing_is_sealed() -> None:
    world = World()
    with pytest.raises(Untrusted, match="no routing table is signed"):
        world.directory(world.log[:4]).check_routing(current())


def test_the_entries_must_be_the_trees() -> None:
    world = World()
    word = checkpoint(world.log)
    for log in (world.log[:-1], [*world.log, b"x"], world.log[::-1], []):
        with pytest.raises(Untrusted, match="not those that its log signed"):
            open_directory(TRUST, word, log)


def test_the_checkpoint_must_be_the_logs() -> None:
    world = World()
    other = SignerKey.of(LOG.verifier.name, b"\x44" * 32)
    word = Checkpoint(LOG.verifier.name, len(world.log), root_of(world.log))
    for note in (str(word.sign(other)), "nonsense", ""):
        with pytest.raises(Untrusted, match="not the one of the log"):
            open_directory(TRUST, note, world.log)


def test_recipients_are_chosen_and_a_change_is_told() -> None:
    world, memory = World(), Memory(ORIGIN)
    arguments = {"desk": LABOUR, "country": "MY", "at": NOW}
    first = choose(world.directory(), memory, current(), **arguments)
    assert first.changed == ()
    assert first.desk.sealing == world.desk.entry.sealing
    new = world.certify(desk_key(number=2), DESK_ROOT)
    world.publish(making.revoke(world.desk.key_id, Reason.ROTATED, DESK_ROOT, time=NOW - HOUR))
    second = choose(world.directory(), memory, current(), **arguments)
    (change,) = second.changed
    assert (change.old, change.new) == (world.desk.key_id, new.key_id)
    assert "desk LABOUR_INSPECTORATE (*) has another key than before" in str(change)
    assert "revoked at 2026-11-24 11:00 UTC" in str(change)
    assert choose(world.directory(), memory, current(), **arguments).changed == ()


def test_no_recipient_is_chosen_by_another_table_or_outside_of_it() -> None:
    directory = World().directory()
    with pytest.raises(Untrusted, match="another table"):
        choose(directory, Memory(ORIGIN), OTHER_TABLE, desk=LABOUR, country="MY", at=NOW)
    with pytest.raises(Untrusted, match="knows no desk MY_OWN"):
        choose(directory, Memory(ORIGIN), current(), desk="MY_OWN", country="MY", at=NOW)
