"""One case, asked about twice; and whoever has the whole platform, who learns nothing of it.

The company, its desk and both custodians use the client as it is installed, against every service.
"""

from pathlib import Path

import pytest

from harbourlight import sentences
from harbourlight.custody.asking import OneTimeFile
from harbourlight.errors import CannotOpen, Untrusted
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.triage.v1 import unsealing_pb2 as pb
from tests.integration.cast import (
    IDENTITY,
    TELLING,
    Parties,
    accepted,
    listed,
    parties,
    serve_all,
)
from tests.integration.holdings import everything
from tests.integration.installation import Installation
from tests.integration.thief import Thief, parts
from tests.integration.waiting import eventually

WHY, NO = "The court has asked for the witness.", "Not before the court has decided."


async def ask(them: Parties, referral: str, one_time: Path) -> str:
    answer = await them.desk.request_unsealing(
        referral, pb.LEGAL_BASIS_JUDICIAL_PROCEEDINGS, WHY, one_time
    )
    return answer.unsealing.unsealing_id


async def notices(them: Parties, count: int) -> list[str]:
    """What the company was told about its identity, once there is so much of it."""

    async def look() -> list[str]:
        page = await them.company.list_notices(page_size=500)
        told = [sentences.sentence(one.event) for one in page.notices if "Unsealing" in one.type]
        return told if len(told) >= count else []

    return await eventually(look)


async def test_it_takes_desk_and_custodian_and_the_company_is_told_each_time(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The officer's own folder: the installation's is the platform's.
    own = tmp_path_factory.mktemp("officer")
    await serve_all(installation)
    async with parties(installation) as them:
        referral = await accepted(them)
        first = await ask(them, referral, own / "first.json")
        checked = await listed(lambda: them.alternate.check_unsealing(first))
        assert them.alternate.read_reason(checked) == WHY
        await them.alternate.refuse_unsealing(first, pb.UNSEALING_REFUSAL_NOT_NECESSARY, NO)
        assert await them.desk.read_remark(first, own / "first.json") == NO
        with pytest.raises(CannotOpen, match="no half has been released"):
            await them.desk.open_identity(first, own / "first.json")

        second = await ask(them, referral, own / "second.json")
        waiting = (await them.custodian.list_unsealings()).records
        assert [one.unsealing.number for one in waiting] == [2]
        await listed(lambda: them.custodian.check_unsealing(second))
        with pytest.raises(Untrusted, match="by the ledger's word alone"):
            await them.custodian.grant_unsealing(second)
        await them.custodian.grant_unsealing(second, unwitnessed=True)
        with pytest.raises(CannotOpen, match="another request"):
            await them.desk.open_identity(second, own / "first.json")
        assert await them.desk.open_identity(second, own / "second.json") == IDENTITY

        told = await notices(them, 4)
        for text, beginning in zip(
            told,
            (
                "The labour inspectorate asks who you are, founded on: a necessary",
                "The custodian example-alternate refused to release its half of the key",
                "The labour inspectorate asks who you are",
                "The custodian example-custodian released its half of the key",
            ),
            strict=True,
        ):
            assert text.startswith(beginning)

        await _nobody_else_learns(installation, them, first, second, own)


async def _nobody_else_learns(
    installation: Installation, them: Parties, first: str, unsealing: str, folder: Path
) -> None:
    held = await everything(installation, them.company.handle, first, unsealing)
    assert len(held) > 1000
    for blob in held:
        for word in (*TELLING, WHY, NO):
            assert word.encode() not in blob
            assert word.encode("utf-16-le") not in blob
    record = (await them.desk.get_unsealing(unsealing)).record
    answer = await them.desk._connection.call(
        content.GetSealedReportRequest(handle=them.company.handle),
        content.GetSealedReportResponse,
    )
    platform = {part for blob in held for part in parts(blob)}
    thief = Thief(them.company.handle, answer.identity, [record.half], platform)
    assert thief.learns() is None

    trust = installation.stack.trust
    desk = trust.desks["LABOUR_INSPECTORATE"].opens()
    custodian, alternate = trust.custodian.opens(), trust.alternate.opens()
    officer, earlier = (OneTimeFile.load(folder / f"{it}.json").key for it in ("second", "first"))
    # Neither half alone, whatever else is there.
    for alone in ([desk], [custodian, alternate, officer, earlier], [desk, earlier]):
        assert thief.learns(*alone) is None
    # The two together do: so it was the keys that were missing, and not the skill.
    for other in (officer, custodian, alternate):
        assert thief.learns(desk, other) == IDENTITY
