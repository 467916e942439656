"""Company and desk read each other, and nothing that the platform might put between them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from harbourlight import CaseKey
from harbourlight.casework.desk import Desk, OpenCase
from harbourlight.casework.sealer import Sealer, Turn
from harbourlight.casework.written import Letter, Sequence, body_of
from harbourlight.errors import BadFile, CannotOpen, Error, Untrusted
from harbourlight.keys import making
from harbourlight.keys.entries import Kind, Reason
from harbourlight.keys.files import KeyRing
from harbourlight.keys.memory import Memory
from harbourlight.keys.recipients import choose
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import identity as identities
from harbourlight.sealing import signed
from harbourlight.sealing.hpke import Role
from harbourlight.types.v1 import sealed_pb2 as types
from tests.unit.client.keys.world import DESK_ROOT, LABOUR, NOW, World, desk_key, key

IDENTITY = sealed.Identity(name="Golden Palm Sdn Bhd")
CONTENT = sealed.Content(narrative="They took the passports.")
QUESTION, REASON = pb.MESSAGE_PURPOSE_QUESTION, pb.MESSAGE_PURPOSE_REASON
REPORT, OTHER = pb.MESSAGE_PURPOSE_REPORT, pb.MESSAGE_PURPOSE_OTHER


class Platform:
    """Keeps what it is given, and what it makes up."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = CaseKey.generate()
        self.company = Sealer(self.key)
        self.messages: list[pb.Message] = []
        directory = world.directory()
        self.recipients = choose(
            directory, Memory(""), world.table, desk=LABOUR, country="MY", at=NOW
        )
        self.answer = pb.GetSealedReportResponse(handle=self.key.handle, desk=LABOUR)
        self.answer.identity.CopyFrom(self.company.identity(IDENTITY, self.recipients))
        self.answer.content_keys.append(self.company.content_key(self.recipients.desk, 1))
        content = self.company.content(CONTENT, self.recipients.desk, Turn())
        self.answer.report.CopyFrom(self.take(pb.SENDER_COMPANY, REPORT, content))

    @property
    def handle(self) -> str:
        return self.key.handle

    def desk(self) -> Desk:
        return Desk(KeyRing((self.world.desk, self.world.officer)), self.world.directory())

    def open(self) -> OpenCase:
        return self.desk().open(self.answer)

    def take(
        self, sender: pb.Sender, purpose: pb.MessagePurpose, content: types.SealedContent
    ) -> pb.Message:
        """Stores something with the next place."""
        found = pb.Message(
            place=len(self.messages) + 1,
            sender=sender,
            desk=LABOUR,
            purpose=purpose,
            content=content,
        )
        found.time.FromDatetime(NOW)
        self.messages.append(found)
        if sender == pb.SENDER_DESK:
            self.answer.desk_number += 1
        else:
            self.answer.company_number += 1
        return found

    def ask(self, text: str, purpose: pb.MessagePurpose = QUESTION, act: str = "") -> pb.Message:
        """The desk writes."""
        content = self.desk().write(
            self.open(),
            body_of(purpose, text, act=act),
            officer=self.world.officer,
            desk=self.recipients.desk,
        )
        return self.take(pb.SENDER_DESK, purpose, content)

    def tell(self, text: str, purpose: pb.MessagePurpose = OTHER) -> pb.Message:
        """The company writes."""
        turn = Turn(self.answer.company_number + 1, 1, needs_key=False)
        content = self.company.message(body_of(purpose, text), self.recipients.desk, turn)
        return self.take(pb.SENDER_COMPANY, purpose, content)

    def read_as_company(self, found: pb.Message) -> Letter:
        return self.company.read(found, self.world.directory())

    def read_as_desk(self, found: pb.Message) -> Letter:
        return self.desk().read(found, self.handle, self.open().content_keys)


@pytest.fixture
def platform() -> Platform:
    return Platform(World())


def test_the_desk_reads_the_report_and_not_who_reports(platform: Platform) -> None:
    case = platform.open()
    assert case.report
    assert isinstance(case.report.body, sealed.Content)
    assert case.report.text == "They took the passports."
    assert case.report.signer_key_id == platform.handle
    half = platform.desk().half(case)
    for other in (half, bytes(32)):
        with pytest.raises(CannotOpen):
            identities.open_identity(
                case.sealed.identity,
                handle=platform.handle,
                desk_half=half,
                custodian_half=other,
            )
    other = identities.open_half(
        case.sealed.identity.custodian,
        case.sealed.identity,
        handle=platform.handle,
        role=Role.CUSTODIAN,
        private_key=platform.world.custodian.opens(),
    )
    data = identities.open_identity(
        case.sealed.identity, handle=platform.handle, desk_half=half, custodian_half=other
    )
    written = signed.verify_company(
        data, handle=platform.handle, kind=identities.KIND, number=identities.VERSION
    )
    assert sealed.Identity.FromString(written.body) == IDENTITY


def test_each_side_reads_both_sides(platform: Platform) -> None:
    platform.ask("How many?")
    platform.tell("Forty.", pb.MESSAGE_PURPOSE_ANSWER)
    platform.ask("Outside of our mandate.", REASON, act="referral.reject")
    texts = ["They took the passports.", "How many?", "Forty.", "Outside of our mandate."]
    for read in (platform.read_as_company, platform.read_as_desk):
        letters = [read(found) for found in platform.messages]
        assert [one.problem for one in letters] == [""] * 4
        assert [one.text for one in letters] == texts
        assert [one.number for one in letters] == [1, 1, 2, 2]
        assert letters[1].signer_key_id == platform.world.officer.key_id
        reasons = letters[3].body
        assert isinstance(reasons, sealed.Reasons)
        assert reasons.act == "referral.reject"


def test_the_words_alone_read_it_again(platform: Platform) -> None:
    platform.tell("Forty.")
    platform.ask("Which ones?")
    assert platform.key.phrase
    again = Sealer(CaseKey.from_phrase(platform.key.phrase))
    letters = [again.read(found, platform.world.directory()) for found in platform.messages]
    assert [one.text for one in letters][1:] == ["Forty.", "Which ones?"]


def test_a_key_without_words_seals_nothing() -> None:
    old = Sealer(CaseKey.from_private_bytes(bytes(32)))
    with pytest.raises(BadFile, match="no words"):
        old.content(CONTENT, World().desk.entry, Turn())  # type: ignore[arg-type]


def _by_a_stranger(platform: Platform) -> pb.Message:
    """The platform writes as the desk, with keys that nobody certified."""
    mine = key(Kind.OFFICER, "operator@example.org", "operator")
    content = platform.desk().write(
        platform.open(),
        body_of(QUESTION, "Who are you?"),
        officer=mine,
        desk=platform.recipients.desk,
    )
    return platform.take(pb.SENDER_DESK, QUESTION, content)


def _of_another_case(platform: Platform) -> pb.Message:
    other = Platform(platform.world)
    return platform.take(pb.SENDER_DESK, QUESTION, other.ask("Not for you.").content)


def _renumbered(platform: Platform) -> pb.Message:
    found = platform.ask("First.")
    found.content.number = 7
    return found


def _changed(platform: Platform) -> pb.Message:
    found = platform.ask("First.")
    found.content.payload = found.content.payload[:-1] + b"\0"
    return found


def _as_another_kind(platform: Platform) -> pb.Message:
    found = platform.ask("First.")
    found.purpose = REPORT
    return found


def _from_another_desk(platform: Platform) -> pb.Message:
    found = platform.ask("First.")
    found.desk = "POLICE"
    return found


def _by_one_who_had_left(platform: Platform) -> pb.Message:
    found = platform.ask("First.")
    note = making.revoke(
        platform.world.officer.key_id,
        Reason.LEFT,
        platform.world.desk.signer,
        time=NOW - timedelta(days=1),
    )
    platform.world.publish(note)
    return found


def _reflected(platform: Platform) -> pb.Message:
    """What the company wrote comes back as the desk's."""
    return platform.take(pb.SENDER_DESK, OTHER, platform.tell("Forty.").content)


@pytest.mark.parametrize(
    "make_up",
    [
        _by_a_stranger,
        _of_another_case,
        _renumbered,
        _changed,
        _as_another_kind,
        _from_another_desk,
        _by_one_who_had_left,
        _reflected,
    ],
)
def test_what_the_platform_makes_up_is_not_shown_to_the_company(
    platform: Platform, make_up: Callable[[Platform], pb.Message]
) -> None:
    letter = platform.read_as_company(make_up(platform))
    assert letter.problem
    assert letter.body is None
    assert letter.text == ""


def test_nor_to_the_desk(platform: Platform) -> None:
    other = Platform(platform.world)
    for content in (other.tell("Other.").content, other.messages[0].content):
        letter = platform.read_as_desk(platform.take(pb.SENDER_COMPANY, OTHER, content))
        assert letter.problem
        assert letter.body is None


def test_what_is_held_back_or_repeated_is_noticed(platform: Platform) -> None:
    platform.ask("One.")
    platform.tell("Two.")
    platform.ask("Three.")
    whole = platform.messages
    for wrong in (
        whole[1:],
        [*whole[:1], *whole[2:]],
        [*whole[:2], whole[1]],
        [whole[0], whole[2], whole[1]],
    ):
        with pytest.raises(Untrusted, match="holds something back"):
            _check(wrong)
    _check(whole)
    # And behind a place, where a watch begins.
    _check(whole[1:], after_place=1)
    for wrong in (whole, whole[2:], [whole[1], whole[1]]):
        with pytest.raises(Untrusted, match="holds something back"):
            _check(wrong, after_place=1)


def test_a_decision_is_not_passed_off_as_a_question(platform: Platform) -> None:
    """Purposes are the platform's word: what would be read as another body is not shown."""
    for purpose, other in ((REASON, QUESTION), (QUESTION, REASON), (QUESTION, REPORT)):
        found = platform.ask("Outside of our mandate.", purpose, act="referral.reject")
        found.purpose = other
        for letter in (platform.read_as_company(found), platform.read_as_desk(found)):
            assert letter.problem
            assert letter.text == ""


def _check(messages: list[pb.Message], *, after_place: int = 0) -> None:
    sequence = Sequence(after_place)
    for found in messages:
        sequence.check(found)


def _receiving(platform: Platform) -> tuple[Desk, pb.GetSealedReportResponse]:
    """The police, and the case as it was sealed to it."""
    world = platform.world
    police = world.certify(key(Kind.DESK, "POLICE", "ministry"), DESK_ROOT)
    receiver = world.directory().current(Kind.DESK, "POLICE", "MY", NOW)
    request = platform.desk().reseal(platform.open(), platform.messages, receiver)
    assert request.desk == "POLICE"
    answer = pb.GetSealedReportResponse(handle=platform.handle, desk="POLICE")
    answer.CopyFrom(platform.answer)
    answer.identity.desk.CopyFrom(request.half)
    del answer.content_keys[:]
    answer.content_keys.extend(request.content_keys)
    for further in request.messages:
        platform.messages[further.place - 1].content.seals.append(further.seal)
    return Desk(KeyRing((police,)), world.directory()), answer


def test_a_receiving_desk_opens_all_of_it_and_the_half(platform: Platform) -> None:
    platform.ask("How many?")
    platform.tell("Forty.")
    half = platform.desk().half(platform.open())
    police, answer = _receiving(platform)
    case = police.open(answer)
    assert police.half(case) == half
    letters = [
        police.read(found, platform.handle, case.content_keys) for found in platform.messages
    ]
    assert [one.text for one in letters] == ["They took the passports.", "How many?", "Forty."]
    for found in platform.messages:
        police.expect_open(found, platform.handle, case.content_keys)


def test_a_desk_without_the_key_says_which_it_lacks(platform: Platform) -> None:
    stranger = desk_key(number=2)
    desk = Desk(KeyRing((stranger,)), platform.world.directory())
    with pytest.raises(BadFile, match=platform.world.desk.key_id):
        desk.open(platform.answer)
    letter = desk.read(platform.ask("One."), platform.handle, {})
    assert platform.world.desk.key_id in letter.problem
    letter = desk.read(platform.tell("Two."), platform.handle, {})
    assert "epoch 1" in letter.problem


def test_no_answer_is_sealed_to_a_key_that_the_company_did_not_give(platform: Platform) -> None:
    platform.answer.ClearField("report")
    with pytest.raises(CannotOpen, match="no key of the case"):
        platform.ask("Hello?")


def test_a_report_that_the_platform_made_up_gives_no_key(platform: Platform) -> None:
    other = Platform(platform.world)
    platform.answer.report.CopyFrom(other.answer.report)
    case = platform.open()
    assert case.report
    assert case.report.problem
    with pytest.raises(Error):
        platform.ask("Hello?")
