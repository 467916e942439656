"""A case goes from desk to desk with all that is sealed in it, and nobody holds it twice."""

import pytest

from harbourlight import errors
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.triage.v1 import transfer_pb2 as transfer
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import types_pb2 as types
from tests.integration.cast import (
    IDENTITY,
    SITE,
    Parties,
    accepted,
    listed,
    officer,
    parties,
    serve_all,
)
from tests.integration.installation import Installation
from tests.integration.waiting import eventually

POLICE = "POLICE"


async def handling_desk(them: Parties) -> str:
    """Who has the case, as the company is told."""
    return str((await them.company.get_case()).case.handling_desk)


async def test_the_receiving_desk_reads_and_unseals_what_the_sender_no_longer_can(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await serve_all(installation)
    own = tmp_path_factory.mktemp("officer")
    async with parties(installation) as them, officer(installation, POLICE) as police:
        handle = them.company.handle
        referral = await accepted(them)
        asked = await them.desk.request_unsealing(
            referral, pb.LEGAL_BASIS_INVESTIGATION, "Which plant is it?", own / "labour.json"
        )
        await them.desk.reseal_case(handle, POLICE)
        reason = transfer.TRANSFER_REASON_CRIMINAL_OFFENCE
        offered = await them.desk.transfer_referral(referral, POLICE, reason)
        offer = offered.referral.transfers[-1]
        # Until it is accepted, the case is the sender's alone.
        with pytest.raises(errors.NotFound):
            await police.read_report(handle)
        assert (await them.desk.read_report(handle)).report is not None

        taken = await police.accept_referral(offer.referral_id)
        assert taken.referral.state == types.REFERRAL_STATE_ACCEPTED
        # What the desk before had asked is void.
        void = (await them.desk.get_unsealing(asked.unsealing.unsealing_id)).record.unsealing
        assert void.state == pb.UNSEALING_STATE_EXPIRED

        async def moved() -> bool:
            return await handling_desk(them) == POLICE

        await eventually(moved)
        report = (await police.read_report(handle)).report
        assert report is not None
        assert isinstance(report.body, plain.Content)
        assert report.body.site.name == SITE
        await police.confirm_reseal(handle)
        with pytest.raises(errors.Error):
            await them.desk.read_report(handle)
        with pytest.raises(errors.WrongState):
            await them.desk.record_progress(referral, types.REFERRAL_STATE_IN_PROGRESS)

        again = await police.request_unsealing(
            offer.referral_id,
            pb.LEGAL_BASIS_JUDICIAL_PROCEEDINGS,
            "For court.",
            own / "police.json",
        )
        assert again.unsealing.number == 2
        await listed(
            lambda: them.custodian.grant_unsealing(again.unsealing.unsealing_id, unwitnessed=True)
        )
        found = await police.open_identity(again.unsealing.unsealing_id, own / "police.json")
        assert found == IDENTITY

        # The company sees whose its case is now, and whose remedy it owes to.
        async def agreed() -> bool:
            page = await police.list_queue(triage.QueueFilter(handle=handle))
            return [one.desk for one in page.referrals] == [POLICE]

        await eventually(agreed)
        assert (await police.get_remedy(handle)).remedy.handle == handle
