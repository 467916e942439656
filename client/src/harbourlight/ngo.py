"""An organisation that follows remedy and verifies what it was named for."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from harbourlight.connection import PATIENCE, TokenCredential
from harbourlight.endpoints import Endpoints
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.party import Verifier
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.types.v1 import types_pb2 as types


class Ngo(Verifier):
    """Sees remedy as it happens, and never who reported."""

    def __init__(self, endpoints: Endpoints, token: str, *, patience: float = PATIENCE) -> None:
        super().__init__(endpoints, TokenCredential(token), patience=patience)

    async def subscribe_remedy(
        self, feed_filter: notification.FeedFilter | None = None, *, resume_token: str = ""
    ) -> AsyncGenerator[notification.SubscribeRemedyResponse, None]:
        """The remedy feed in batches, each event once and in order.

        A batch's `resume_token` stands behind its last event: keep it once the batch has been
        dealt with, and hand it in, with the same filter, to go on right there. "" starts at the
        beginning of the feed.
        """
        last = resume_token

        def request() -> notification.SubscribeRemedyRequest:
            return notification.SubscribeRemedyRequest(filter=feed_filter, resume_token=last)

        watch = self._connection.watch(request, notification.SubscribeRemedyResponse)
        async with aclosing(watch) as batches:
            async for batch in batches:
                last = batch.resume_token
                yield batch

    async def list_assignments(
        self,
        *,
        states: Iterable[types.RemedyItemState] = (),
        page_size: int = 0,
        page_token: str = "",
    ) -> remedy.ListAssignmentsResponse:
        """One page of the items that this organisation was named to verify."""
        request = remedy.ListAssignmentsRequest(
            states=states, page_size=page_size, page_token=page_token
        )
        return await self._connection.call(request, remedy.ListAssignmentsResponse)
