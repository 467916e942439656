"""What is sealed in a case goes to whom it is for, and is nowhere as it came."""

import asyncio
import base64
import json
from contextlib import aclosing
from uuid import uuid4

import pytest

from harbourlight import CaseKey
from harbourlight.errors import (
    Denied,
    Error,
    InvalidArgument,
    NotFound,
    Stale,
    WrongState,
)
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from harbourlight.types.v1 import sealed_pb2 as sealed
from shared.callers import Caller
from tests.integration.backup import dump
from tests.integration.calls import facts, marker, report
from tests.integration.installation import Installation
from tests.integration.parties import (
    ANSWER,
    DESK,
    OTHER_DESK,
    Parties,
    Secrets,
    at,
    listed,
    message,
    read,
    write,
)
from tests.integration.waiting import eventually

SUBJECT = "authority@example.org"
"""Of the officers' tokens."""


async def test_each_gets_what_is_sealed_to_it_and_others_learn_of_no_case(
    installation: Installation,
) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        for_desk = await read(parties.officer(DESK, country="MY"), case.handle)
        assert for_desk.identity == case.identity
        assert list(for_desk.content_keys) == [case.content_key]
        assert for_desk.report.content == case.content
        assert (for_desk.desk, for_desk.epoch, for_desk.key_epoch) == (DESK, 1, 1)
        assert (for_desk.company_number, for_desk.desk_number) == (1, 0)

        for_custodian = await read(parties.custodian(country="MY"), case.handle)
        assert not for_custodian.identity.HasField("desk")
        assert for_custodian.identity.custodian == case.identity.custodian
        assert for_custodian.identity.alternate == case.identity.alternate
        assert not for_custodian.content_keys
        assert not for_custodian.HasField("report")

        for_company = await read(case.company, case.handle)
        assert for_company.report == for_desk.report
        assert not for_company.HasField("identity")
        assert not for_company.content_keys

        strangers = [
            parties.officer(OTHER_DESK),
            parties.officer(DESK, country="TH"),
            parties.officer(),
            parties.custodian(country="TH"),
            parties.company(CaseKey.generate()),
        ]
        told = {await _not_found(read(one, case.handle)) for one in strangers[:-1]}
        told.add(await _not_found(read(parties.officer(DESK), CaseKey.generate().handle)))
        assert len(told) == 1
        await _not_found(read(strangers[-1], case.handle))
        for one in strangers[:3]:
            await _not_found(listed(one, case.handle))
            await _not_found(write(one, message(case, _desk_content(parties, case.handle))))


async def _not_found(call: object) -> str:
    with pytest.raises(NotFound) as told:
        await call  # type: ignore[misc]
    return told.value.message


def _desk_content(parties: Parties, handle: str, number: int = 1) -> sealed.SealedContent:
    return parties.secrets.desk_content(number, handle)


async def test_both_sides_write_in_turn_and_read_on_where_they_were(
    installation: Installation,
) -> None:
    service = await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        desk, secrets = parties.officer(DESK), parties.secrets
        asked = message(case, _desk_content(parties, case.handle))
        answered = message(case, secrets.content(2), purpose=ANSWER)
        assert (await write(desk, asked)).place == 2
        sent = await write(case.company, answered)
        assert (sent.place, sent.number) == (3, 2)
        # Sent again, also after a restart, it is the same message.
        assert await write(case.company, answered) == sent
        assert await service.stop() == 0
        await installation.serve("reporting")
        assert await write(case.company, answered) == sent

        for reader in (case.company, desk):
            found = list((await listed(reader, case.handle)).messages)
            assert [one.place for one in found] == [1, 2, 3]
            assert [one.content for one in found] == [case.content, asked.content, answered.content]
            senders = [pb.SENDER_COMPANY, pb.SENDER_DESK, pb.SENDER_COMPANY]
            assert [one.sender for one in found] == senders
            purposes = [pb.MESSAGE_PURPOSE_REPORT, asked.purpose, ANSWER]
            assert [one.purpose for one in found] == purposes
            page = await listed(reader, case.handle, page_size=2)
            rest = await listed(reader, case.handle, page_size=2, page_token=page.next_page_token)
            assert [*page.messages, *rest.messages] == found
            assert not rest.next_page_token
            with pytest.raises(InvalidArgument):
                await listed(reader, case.handle, page_token="x" + page.next_page_token)

        request = pb.WatchMessagesRequest(handle=case.handle, after_place=2)
        async with aclosing(
            case.company.watch(lambda: request, pb.WatchMessagesResponse)
        ) as watching:
            assert [one.place for one in (await anext(watching)).messages] == [3]
            decided = message(case, _desk_content(parties, case.handle, 2), purpose=3)
            await write(desk, decided)
            (found_now,) = (await anext(watching)).messages
            assert found_now.content == decided.content

        outcome = await case.company.call(
            reporting.GetCaseRequest(handle=case.handle), reporting.GetCaseResponse
        )
        assert (outcome.case.company_number, outcome.case.desk_number) == (2, 2)


async def test_a_number_that_does_not_follow_is_told_the_next(installation: Installation) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        desk, secrets = parties.officer(DESK), parties.secrets
        for number in (1, 3):
            with pytest.raises(Stale, match="is 2, and this is"):
                await write(case.company, message(case, secrets.content(number)))
        with pytest.raises(Stale, match="is 1, and this is 2"):
            await write(desk, message(case, _desk_content(parties, case.handle, 2)))
        racing = [message(case, secrets.content(2)) for _ in range(5)]
        done = await asyncio.gather(
            *(write(case.company, one) for one in racing), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in done) == ["SendMessageResponse"] + ["Stale"] * 4
        found = (await listed(desk, case.handle)).messages
        assert [one.content.number for one in found] == [1, 2]


def _bad(case_handle: str, secrets: Secrets) -> dict[str, sealed.SealedContent]:
    seal = secrets.seal
    return {
        "epoch": sealed.SealedContent(
            number=1, epoch=1, payload=b"x", seals=[seal(case_handle), seal("d" * 16)]
        ),
        "no seal": sealed.SealedContent(number=1, payload=b"x"),
        "not for the case": sealed.SealedContent(
            number=1, payload=b"x", seals=[seal("d" * 16), seal("e" * 16)]
        ),
        "not for the desk": sealed.SealedContent(number=1, payload=b"x", seals=[seal(case_handle)]),
        "twice": sealed.SealedContent(
            number=1, payload=b"x", seals=[seal(case_handle), seal(case_handle)]
        ),
        "no key's id": sealed.SealedContent(
            number=1, payload=b"x", seals=[seal(case_handle), seal("desk")]
        ),
    }


async def test_what_could_not_be_read_is_not_taken(installation: Installation) -> None:
    service = await installation.serve("reporting")
    async with at(installation) as parties:
        case, secrets = await parties.report(), parties.secrets
        for content in _bad(case.handle, secrets).values():
            with pytest.raises(InvalidArgument):
                await write(parties.officer(DESK), message(case, content))
        with pytest.raises(InvalidArgument):
            await write(case.company, message(case, _desk_content(parties, case.handle, 2)))
        key, wrong = CaseKey.generate(), secrets.identity()
        wrong.alternate.key_id = wrong.custodian.key_id
        half = secrets.identity()
        half.ClearField("custodian")
        company = parties.company(key)
        for changes, error in (
            ({"identity": wrong}, InvalidArgument),
            ({"identity": half}, InvalidArgument),
            ({"content_key": secrets.content_key()}, InvalidArgument),
            ({"content": secrets.content(1)}, Stale),
            ({"content": secrets.content(2), "content_key": secrets.content_key()}, Stale),
            ({"content": secrets.content(1, 2), "content_key": secrets.content_key(2)}, Stale),
            ({"routing_version": "routing/1999-1"}, WrongState),
        ):
            with pytest.raises(error):
                await company.call(report(key, **changes), reporting.SubmitReportResponse)
        with pytest.raises(NotFound):
            await read(company, key.handle)
    assert not service.says('"level": "error"')


async def test_a_marker_and_an_amendment_bring_sealed_things_too(
    installation: Installation,
) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        key, secrets = CaseKey.generate(), parties.secrets
        company, desk = parties.company(key), parties.officer(DESK)
        await company.call(marker(key), reporting.PlaceMarkerResponse)
        assert not (await read(company, key.handle)).HasField("report")
        await _not_found(read(desk, key.handle))
        first = reporting.PerfectMarkerRequest(
            request_id=str(uuid4()),
            handle=key.handle,
            facts=facts(),
            identity=secrets.identity(),
            content_key=secrets.content_key(),
            content=secrets.content(1),
        )
        await company.call(first, reporting.PerfectMarkerResponse)
        assert (await read(desk, key.handle)).report.content == first.content
        then = reporting.AmendReportRequest(
            request_id=str(uuid4()),
            handle=key.handle,
            facts=facts(),
            identity=secrets.identity(),
            content=secrets.content(2),
        )
        await company.call(then, reporting.AmendReportResponse)
        found = await read(desk, key.handle)
        assert found.report.content == then.content
        assert found.identity.payload == then.identity.payload
        assert found.identity.desk == then.identity.desk
        assert len((await listed(desk, key.handle)).messages) == 2


async def test_long_messages_come_page_by_page(installation: Installation) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case, length = await parties.report(), 262_000
        for number in range(2, 9):
            await write(case.company, message(case, parties.secrets.content(number, 1, length)))
        found, token, pages = [], "", 0
        while token or not pages:
            page = await listed(case.company, case.handle, page_token=token)
            found += page.messages
            token, pages = page.next_page_token, pages + 1
        assert [one.place for one in found] == list(range(1, 9))
        assert pages > 1


async def test_an_officer_who_was_recused_learns_of_no_case(installation: Installation) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        desk, name = parties.officer(DESK), json.dumps(["AUTHORITY", "inspectorate", SUBJECT])
        colleague = parties.officer(DESK, org="other-inspectorate")
        assert (await read(desk, case.handle)).HasField("identity")
        officer = Caller(options.ROLE_AUTHORITY, name).pseudonym(case.handle)
        event = triage.OfficerRecused(handle=case.handle, officer=officer)
        await parties.triage_tells(case.handle, event)

        async def is_refused() -> bool:
            try:
                await read(desk, case.handle)
            except NotFound:
                return True
            return False

        await eventually(is_refused)
        await _not_found(listed(desk, case.handle))
        assert (await read(colleague, case.handle)).HasField("identity")


async def test_nothing_sealed_is_anywhere_as_it_came(installation: Installation) -> None:
    service = await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        await write(parties.officer(DESK), message(case, _desk_content(parties, case.handle)))
        await write(case.company, message(case, parties.secrets.content(2)))
        with pytest.raises(Error):
            await write(case.company, message(case, parties.secrets.content(9)))
        with pytest.raises(Denied):
            await read(parties._with_token("NGO", org="ngo"), case.handle)

        async def told() -> bool:
            records = await installation.records("reporting.events.v1")
            return len(records) == 3

        await eventually(told)
        records = await installation.records("reporting.events.v1")
        everywhere = b"".join(
            [
                await dump(installation),
                service.log.read_bytes(),
                *(one.value + repr(one.headers).encode() for one in records),
            ]
        )
        assert case.handle.encode() in everywhere
        for secret in parties.secrets.drawn:
            forms = (secret, secret.hex().encode(), base64.b64encode(secret)[:40])
            assert not any(form in everywhere for form in forms)
