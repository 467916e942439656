"""The remedy service's SQL."""

from collections.abc import Sequence

from harbourlight.remedy.v1 import remedy_pb2
from services.remedy.domain.remedy import Item, ItemState, Remedy
from shared.database import Database
from shared.records import Column, Records, Stored

BY_HANDLE = "subject = $1"
BY_ITEM = "item_ids @> ARRAY[$1::uuid]"


def shown_state(item: Item) -> str:
    """A verifier's list knows nothing of an item before the desk agreed to it, cancelled or not."""
    return item.state if item.agreed_on else ItemState.PLANNED


REMEDIES: Records[Remedy] = Records(
    "remedies",
    Remedy,
    remedy_pb2.Remedy,
    {
        "state": Column("text", lambda remedy: str(remedy.state)),
        "country": Column("text", lambda remedy: remedy.country),
        "desk": Column("text", lambda remedy: remedy.desk),
        "verifiers": Column("text[]", lambda remedy: remedy.verifiers),
        "item_ids": Column("uuid[]", lambda remedy: [item.item_id for item in remedy.items]),
        "item_states": Column("text[]", lambda remedy: [*map(shown_state, remedy.items)]),
    },
)

# By item id alone, which is random: an order by case would show which items belong together.
_ASSIGNMENTS = """
WITH page AS (
    SELECT subject, item_id
    FROM remedies, unnest(item_ids, item_states) AS item (item_id, item_state)
    WHERE verifiers @> ARRAY[$1] AND item_state = ANY($2) AND item_id > $3::uuid
    ORDER BY item_id LIMIT $4
)
SELECT item_id, body FROM page JOIN remedies USING (subject) ORDER BY item_id
"""


async def read_remedy(database: Database, handle: str) -> Stored[Remedy] | None:
    """The remedy as it is now, or None."""
    row = await database.fetchrow("SELECT revision, body FROM remedies WHERE subject = $1", handle)
    return None if row is None else Stored(REMEDIES.read(row["body"]), row["revision"])


async def assignments(
    database: Database, verifier: str, states: Sequence[str], after: str, most: int
) -> list[tuple[Remedy, Item]]:
    """Items in these states that the organisation may verify, the `most` after an item id."""
    rows = await database.fetch(_ASSIGNMENTS, verifier, states, after, most)
    found = [(REMEDIES.read(row["body"]), str(row["item_id"])) for row in rows]
    return [(remedy, remedy.item(item_id)) for remedy, item_id in found]
