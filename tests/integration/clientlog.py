"""Writes what a client remembers, as deploy.ops.checker.clients reads it."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from harbourlight import errors
from harbourlight.connection import new_request_id

T = TypeVar("T")

_REFUSALS = (
    errors.InvalidArgument,
    errors.NotFound,
    errors.AlreadyExists,
    errors.WrongState,
    errors.Stale,
    errors.Unauthenticated,
    errors.Denied,
)
"""Final answers that nothing was changed. After any other error nobody knows."""


class ClientLog:
    """One client's memory; each line is on disk before the client goes on."""

    def __init__(self, path: Path, party: str) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._party = party

    def _say(self, what: str, **said: Any) -> None:
        self._file.write(json.dumps({"party": self._party, "what": what, **said}) + "\n")

    async def call(
        self, method: str, case: str, emits: str, call: Callable[[str], Awaitable[T]]
    ) -> T | None:
        """Runs a command, given its request id; None where it was refused.

        Raises what else may come of it, after which the log leaves open whether it took effect.
        """
        request_id = new_request_id()
        self._say("sent", method=method, request_id=request_id, case=case, emits=emits)
        try:
            answer = await call(request_id)
        except _REFUSALS as error:
            self._say("refused", request_id=request_id, status=error.code)
            return None
        self._say("acknowledged", request_id=request_id)
        return answer

    def saw(self, stream: str, number: int, kind: str, case: str = "") -> None:
        """The client was sent something."""
        self._say("saw", stream=stream, number=number, type=kind, case=case)

    def close(self) -> None:
        """Ends it."""
        self._file.close()
