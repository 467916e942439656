"""The notification service's gRPC methods."""

from collections.abc import AsyncIterator

from harbourlight.notification.v1 import notification_pb2 as pb
from harbourlight.notification.v1 import notification_pb2_grpc
from services.notification.feed import Feed
from services.notification.handlers import Notices
from shared.commands import Call
from shared.signed_tokens import SignedTokens
from shared.wakeups import Wakeups
from shared.watching import changes

_DEFAULT_PAGE, _LARGEST_PAGE = 50, 500


class NotificationApi(notification_pb2_grpc.NotificationServiceServicer):
    """What each party may know."""

    def __init__(
        self, notices: Notices, feed: Feed, tokens: SignedTokens, wakeups: Wakeups
    ) -> None:
        self._notices = notices
        self._feed = feed
        self._tokens = tokens
        self._wakeups = wakeups

    async def ListNotices(
        self, request: pb.ListNoticesRequest, call: Call
    ) -> pb.ListNoticesResponse:
        scope = f"{call.method}\0{request.handle}".encode()
        after = 0
        if request.page_token:
            (after,) = self._tokens.decode(scope, request.page_token, "page_token")
        size = min(request.page_size or _DEFAULT_PAGE, _LARGEST_PAGE)
        notices = await self._notices.after(request.handle, after, size + 1)
        more = self._tokens.encode(scope, [notices[size - 1].number]) if len(notices) > size else ""
        return pb.ListNoticesResponse(notices=notices[:size], next_page_token=more)

    async def WatchNotices(
        self, request: pb.WatchNoticesRequest, call: Call
    ) -> AsyncIterator[pb.WatchNoticesResponse]:
        after = request.after_number

        async def look() -> pb.WatchNoticesResponse | None:
            nonlocal after
            notices = await self._notices.after(request.handle, after, _LARGEST_PAGE)
            if not notices:
                return None
            after = notices[-1].number
            return pb.WatchNoticesResponse(notices=notices)

        async for response in changes(call, self._wakeups, look):
            yield response

    async def SubscribeRemedy(
        self, request: pb.SubscribeRemedyRequest, call: Call
    ) -> AsyncIterator[pb.SubscribeRemedyResponse]:
        async for response in self._feed.subscribe(call, request):
            yield response
