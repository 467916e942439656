"""What a process takes of each caller, and what it asks of who has no name."""

import asyncio
import hashlib
from ipaddress import ip_network

import pytest

from harbourlight import work
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.reporting.v1 import reporting_pb2
from shared import limits as module
from shared.callers import ANYBODY, Caller
from shared.errors import Kind, Refusal
from shared.limits import CALLS, DEFAULT, STREAMS, Limits, MethodLimits, Sizes, Visit
from shared.rates import Rate

PATH = "/package.Service/Method"
HASH = hashlib.sha256(b"request").digest()
ORDINARY = MethodLimits(DEFAULT, STREAMS, opens_case=False)
OPENING = MethodLimits(DEFAULT, STREAMS, opens_case=True)
PUBLIC_ADDRESS = "ipv4:8.8.8.8:40000"


def company(name: str = "HL-1") -> Caller:
    return Caller(options.ROLE_COMPANY, name, handle=name)


class Door:
    """Limits under a clock of the test's own."""

    def __init__(self, **given: object) -> None:
        self.now = 0.0
        self.limits = Limits(b"secret", clock=lambda: self.now, **given)  # type: ignore[arg-type]

    def arrive(
        self, limits: MethodLimits = ORDINARY, peer: str = PUBLIC_ADDRESS, proof: str | None = None
    ) -> Visit:
        return self.limits.arrive(limits, PATH, peer, HASH, proof)

    def refused(
        self, limits: MethodLimits = ORDINARY, peer: str = PUBLIC_ADDRESS, proof: str | None = None
    ) -> Refusal:
        with pytest.raises(Refusal) as refused:
            self.arrive(limits, peer, proof)
        return refused.value


def test_the_contract_says_which_methods_open_a_case() -> None:
    service = reporting_pb2.DESCRIPTOR.services_by_name["ReportingService"]
    opening = {one.name for one in service.methods if MethodLimits.of(one).opens_case}
    assert opening == {"PlaceMarker", "SubmitReport"}
    assert MethodLimits.of(service.methods_by_name["GetCase"]).rate == DEFAULT


def test_a_caller_that_takes_too_much_is_told_when_to_come_again() -> None:
    door = Door()
    slow = MethodLimits(Rate(2, 60), STREAMS, opens_case=False)
    for _ in range(2):
        door.arrive(slow).of(company())
    with pytest.raises(Refusal, match="2 calls of one caller at once and 60 per minute") as refused:
        door.arrive(slow).of(company())
    assert refused.value.kind == Kind.EXHAUSTED
    assert refused.value.retry_after == pytest.approx(1.0)
    door.arrive(slow).of(company("HL-2"))
    door.now += 1.0
    door.arrive(slow).of(company())


def test_a_caller_has_so_many_calls_in_hand_and_no_more() -> None:
    door = Door()
    visits = [door.arrive() for _ in range(CALLS)]
    for visit in visits:
        visit.of(company())
    with pytest.raises(Refusal, match="being worked on"):
        door.arrive().of(company())
    door.arrive().of(company("HL-2"))
    visits[0].leave()
    door.arrive().of(company())


def test_streams_are_counted_by_caller_and_in_all() -> None:
    door = Door(sizes=Sizes(streams=STREAMS + 1))
    visits = [door.arrive() for _ in range(STREAMS)]
    for visit in visits:
        visit.of(company(), stream=True)
    with pytest.raises(Refusal, match="streams of yours"):
        door.arrive().of(company(), stream=True)
    door.arrive().of(company("HL-2"), stream=True)
    with pytest.raises(Refusal, match="as many streams open as it can"):
        door.arrive().of(company("HL-3"), stream=True)
    visits[0].leave()
    door.arrive().of(company("HL-3"), stream=True)


def test_who_has_left_is_not_remembered() -> None:
    door = Door()
    for number in range(100):
        for stream in (False, True):
            visit = door.arrive()
            visit.of(company(str(number)), stream=stream)
            visit.leave()
    assert not door.limits._by_caller
    assert not door.limits._streams


@pytest.mark.parametrize(
    "peer",
    ["ipv4:127.0.0.1:1", "ipv4:10.1.2.3:1", "ipv6:%5B::1%5D:1", "ipv6:[fd00::1]:1", "unix:/x", "?"],
)
def test_an_address_that_stands_for_many_is_not_counted(peer: str) -> None:
    door = Door()
    for _ in range(3000):
        door.arrive(OPENING, peer)
        door.arrive(peer=peer).of(ANYBODY)
        door.limits._by_caller.clear()


def test_a_gateway_is_named_by_its_network() -> None:
    door = Door(shared=[ip_network("8.8.8.0/24")])
    assert {door.arrive(OPENING).address for _ in range(100)} == {None}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ipv4:8.8.8.8:1", "ipv4:8.8.8.8:2", True),
        ("ipv4:8.8.8.8:1", "ipv4:8.8.4.4:1", False),
        ("ipv6:%5B2a00:1:2:3::1%5D:1", "ipv6:[2a00:1:2:3:ffff::9]:5", True),
        ("ipv6:[2a00:1:2:3::1]:1", "ipv6:[2a00:1:2:4::1]:1", False),
        ("ipv6:[::ffff:8.8.8.8]:1", "ipv4:8.8.8.8:9", True),
    ],
)
def test_an_address_is_known_again(one: str, other: str, same: bool) -> None:
    door = Door()
    assert (door.arrive(peer=one).address == door.arrive(peer=other).address) == same


def test_addresses_are_kept_under_a_key_that_changes() -> None:
    door = Door()
    first = door.arrive().address
    assert first
    assert b"8.8.8.8" not in first
    assert door.arrive().address == first
    door.now += 3601
    assert door.arrive().address not in (first, None)


def test_who_has_no_name_is_counted_by_address() -> None:
    door = Door()
    for _ in range(200):
        visit = door.arrive()
        visit.of(ANYBODY)
        visit.leave()
    with pytest.raises(Refusal, match="from your address"):
        door.arrive().of(ANYBODY)
    door.arrive(peer="ipv4:9.9.9.9:1").of(ANYBODY)


def test_an_address_that_keeps_guessing_is_not_listened_to_for_a_while() -> None:
    door = Door()
    for _ in range(60):
        door.arrive().mistaken()
    assert door.refused().kind == Kind.EXHAUSTED
    door.now += 1.0
    door.arrive()


def test_an_address_that_opens_many_cases_works_for_it_and_gets_in() -> None:
    door = Door()
    for _ in range(20):
        door.arrive(OPENING)
    refusal = door.refused(OPENING)
    assert refusal.kind == Kind.PROOF_OF_WORK_REQUIRED
    challenge = work.read_challenge(refusal.metadata["challenge"])
    assert refusal.metadata["bits"] == str(work.difficulty(challenge)) == "16"
    entry = work.solve(challenge, 16)
    assert door.arrive(OPENING, proof=entry).priority >= 16
    assert door.refused(OPENING, proof=entry).kind == Kind.PROOF_OF_WORK_REQUIRED
    assert door.arrive(OPENING, "ipv4:9.9.9.9:1").priority == 0


async def test_a_crowd_raises_the_price_and_who_pays_gets_in_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CAP_BITS", 14)
    door = Door(sizes=Sizes(cases=1, waiting_cases=8))
    here = "ipv4:127.0.0.1:1"
    inside = door.arrive(OPENING, here)
    await inside.turn()
    waiting = [door.arrive(OPENING, here) for _ in range(2)]
    turns = [asyncio.create_task(visit.turn()) for visit in waiting]
    await asyncio.sleep(0)
    refusal = door.refused(OPENING, here)
    entry = work.solve(work.read_challenge(refusal.metadata["challenge"]), 14)
    paying = door.arrive(OPENING, here, entry)
    paid = asyncio.create_task(paying.turn())
    await asyncio.sleep(0)
    inside.leave()
    await asyncio.wait_for(paid, 1)
    assert not any(turn.done() for turn in turns)
    paying.leave()
    for visit, turn in zip(waiting, turns, strict=True):
        await asyncio.wait_for(turn, 1)
        visit.leave()
    door.now += 60
    door.arrive(OPENING, here)
