"""A desk's key is replaced while a case is open, and an officer leaves: by those who do it."""

import pytest

from harbourlight import Ledger
from harbourlight.errors import BadFile, CannotOpen, Untrusted
from harbourlight.keys import making
from harbourlight.keys.entries import Kind, Reason
from harbourlight.keys.files import KeyFile, KeyRing
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import content, identity, signed
from harbourlight.sealing.hpke import PrivateKey, Role
from tests.integration import logs
from tests.integration.installation import Installation
from tests.integration.sealers import (
    DESK,
    IDENTITY,
    NAME,
    Officer,
    Reporter,
    next_second,
    now,
    officer,
)


async def publish(installation: Installation, *notes: str) -> None:
    """As an operator, who need not be trusted; returns once the log has signed them."""
    trust = installation.stack.trust
    async with Ledger(installation.endpoints(), installation.stack.token("OPERATOR")) as ledger:
        last = [(await ledger.publish_entry(note)).index for note in notes][-1]
        await trust.until_signed(ledger, last + 1)


async def rotate(installation: Installation, *officers: KeyFile) -> KeyFile:
    """The desk's new key, which certifies its officers again; the old one ends."""
    trust = installation.stack.trust
    root, old = trust.roots[Kind.DESK].signer, trust.desks[DESK]
    new = making.new_key(Kind.DESK, DESK, old.entry.organisation, number=2)
    await publish(
        installation,
        making.certify(new.entry, root),
        *(making.certify(one.entry, new.signer) for one in officers),
        making.revoke(old.key_id, Reason.ROTATED, root, time=now()),
    )
    return new


@pytest.fixture
async def reporter(installation: Installation) -> Reporter:
    """A company that has reported."""
    await logs.serve(installation)
    await installation.serve("reporting")
    await installation.publish_keys()
    reporter = Reporter(installation)
    await reporter.report("They took the passports.")
    return reporter


async def test_a_desks_key_is_replaced_while_a_case_is_open(
    installation: Installation, reporter: Reporter
) -> None:
    trust = installation.stack.trust
    old = trust.desks[DESK]
    assert await reporter.write("Two more came forward.") == 1
    assert reporter.told == []
    before = await officer(installation).sealed(reporter.handle)

    new = await rotate(installation, trust.officer)
    both = officer(installation, old, new)
    await both.reseal(reporter.handle, new)
    assert await reporter.write("The agent left.") == 2
    (change,) = reporter.told
    assert (change.old, change.new) == (old.key_id, new.key_id)
    assert "has another key than before" in str(change)

    # All of it opens with the new key; the old one opens what it opened, and nothing since.
    texts = {1: "They took the passports.", 2: "Two more came forward.", 3: "The agent left."}
    assert await officer(installation, new).opened(reporter.handle) == texts
    held = content.open_key(before.content_keys[0], handle=reporter.handle, private_key=old.opens())
    assert held == content.content_key(reporter.phrase, 1)
    now_sealed = await both.sealed(reporter.handle)
    assert {one.seal.key_id for one in now_sealed.content_keys} == {new.key_id}
    assert now_sealed.identity.desk.key_id == new.key_id
    for one in now_sealed.content_keys:
        with pytest.raises(CannotOpen):
            content.open_key(one, handle=reporter.handle, private_key=old.opens())
    with pytest.raises(BadFile, match="since rotated"):
        await officer(installation, old).opened(reporter.handle)


async def test_the_identity_opens_after_a_rotation(
    installation: Installation, reporter: Reporter
) -> None:
    trust = installation.stack.trust
    new = await rotate(installation, trust.officer)
    await officer(installation, trust.desks[DESK]).reseal(reporter.handle, new)
    # The platform shows nobody all of it: the custodian's half is from a report of the test's own.
    of_desk = (await officer(installation, new).sealed(reporter.handle)).identity
    custodian = Officer(
        installation,
        KeyRing((trust.custodian,)),
        trust.custodian,
        installation.stack.mint("CUSTODIAN", org=trust.custodian.entry.organisation),
    )
    of_custodian = (await custodian.sealed(reporter.handle)).identity
    place = {"handle": reporter.handle}
    a = identity.open_half(of_desk.desk, of_desk, role=Role.DESK, private_key=new.opens(), **place)
    b = identity.open_half(
        of_custodian.custodian,
        of_custodian,
        role=Role.CUSTODIAN,
        private_key=trust.custodian.opens(),
        **place,
    )
    data = identity.open_identity(of_desk, desk_half=a, custodian_half=b, **place)
    body = signed.verify_company(data, kind=IDENTITY, number=identity.VERSION, **place).body
    assert plain.Identity.FromString(body).name == NAME


async def test_what_an_officer_signs_after_it_left_is_not_shown(
    installation: Installation, reporter: Reporter
) -> None:
    trust = installation.stack.trust
    case_key = PrivateKey.of_case(reporter.phrase).public_bytes
    old = trust.desks[DESK]
    ben = making.new_key(Kind.OFFICER, "ben@example.org", old.entry.organisation)
    await publish(installation, making.certify(ben.entry, old.signer))
    await officer(installation, signer=ben).write(reporter.handle, "Who hired them?", case_key)
    assert await reporter.read() == ["Who hired them?"]

    await next_second()
    # Ben leaves, and knows the desk's key: it is replaced, and what it opens is sealed anew.
    await publish(installation, making.revoke(ben.key_id, Reason.LEFT, old.signer, time=now()))
    new = await rotate(installation, trust.officer)
    await officer(installation, old).reseal(reporter.handle, new)
    await officer(installation, signer=ben).write(reporter.handle, "And where?", case_key)
    first, second = await reporter.read()
    assert first == "Who hired them?"
    assert "it was revoked at" in str(second)
    # Nor is anybody whom Ben certifies with it.
    eve = making.new_key(Kind.OFFICER, "eve@example.org", old.entry.organisation)
    await publish(installation, making.certify(eve.entry, old.signer))
    await officer(installation, signer=eve).write(reporter.handle, "Names?", case_key)
    assert isinstance((await reporter.read())[2], Untrusted)
    # With the old key and a copy of the database, Ben reads nothing that came since.
    assert await reporter.write("In the port.") == 2
    stored = await officer(installation, new).sealed(reporter.handle)
    ring = KeyRing((old, ben))
    for one in stored.content_keys:
        with pytest.raises(BadFile):
            ring.find(one.seal.key_id)
