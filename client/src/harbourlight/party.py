"""What every caller of the network is: a connection under its own credential."""

from types import TracebackType
from typing import Self

from harbourlight.connection import PATIENCE, Connection, Credential, new_request_id
from harbourlight.effort import OnWork, no_word
from harbourlight.endpoints import Endpoints
from harbourlight.remedy.v1 import remedy_pb2 as remedy


class Party:
    """Base of Company, Authority and Ngo; use it in `async with`.

    A method makes one call and returns the contract's response; a `watch_…` yields without end.
    Both go on trying for `patience` seconds (math.inf: for ever) while the service is away, and
    both raise what `harbourlight.errors` names. A mutation takes a `request_id` (a UUID, made
    where none is given): repeated, it takes effect once and gets the recorded answer. Where it
    takes an `etag`, what was decided on an older version is refused as Stale; "" takes any.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        credential: Credential,
        *,
        patience: float = PATIENCE,
        on_work: OnWork = no_word,
    ) -> None:
        self._connection = Connection(endpoints, credential, patience=patience, on_work=on_work)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all calls and closes the connection."""
        await self._connection.close()


class Verifier(Party):
    """Whoever may confirm or contest a remedy item: never the company that owes it."""

    async def verify_item(
        self, item_id: str, method: remedy.VerificationMethod, *, request_id: str | None = None
    ) -> remedy.VerifyItemResponse:
        """Confirms a delivered item."""
        request = remedy.VerifyItemRequest(
            request_id=request_id or new_request_id(), item_id=item_id, method=method
        )
        return await self._connection.call(request, remedy.VerifyItemResponse)

    async def dispute_item(
        self, item_id: str, reason: remedy.DisputeReason, *, request_id: str | None = None
    ) -> remedy.DisputeItemResponse:
        """Contests a delivered or verified item."""
        request = remedy.DisputeItemRequest(
            request_id=request_id or new_request_id(), item_id=item_id, reason=reason
        )
        return await self._connection.call(request, remedy.DisputeItemResponse)
