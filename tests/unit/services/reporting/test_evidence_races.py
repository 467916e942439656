"""Files that are erased, or begun anew, while somebody still brings a part of them."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.reporting.evidence import handlers, store
from services.reporting.evidence.domain import Declared, Evidence
from services.reporting.evidence.handlers import Evidences
from shared.blobs import MissingPart
from shared.errors import Kind, Refusal

DATA = b"ledger"
EVIDENCE = Evidence(Declared(2, b"h" * 32, len(DATA), hashlib.sha256(DATA).digest()), 2)


class Kept(dict[tuple[str, int], bytes]):
    """Parts in memory."""

    async def put(self, blob: str, part: int, data: bytes) -> None:
        self[blob, part] = data

    async def get(self, blob: str, part: int) -> bytes:
        if (blob, part) not in self:
            raise MissingPart(blob)
        return self[blob, part]

    async def delete(self, blob: str) -> None:
        for one in [key for key in self if key[0] == blob]:
            del self[one]


class Anything:
    """A database whose transactions only run."""

    async def transaction(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(self)


def _evidences(
    monkeypatch: pytest.MonkeyPatch, kept: Kept, *, moves: bool, exists: bool
) -> Evidences:
    async def move(*_: object) -> bool:
        return moves

    async def known(*_: object) -> bool:
        return exists

    async def find(*_: object) -> Evidence:
        return EVIDENCE

    monkeypatch.setattr(store, "move", move)
    monkeypatch.setattr(store, "exists", known)
    monkeypatch.setattr(store, "find", find)
    monkeypatch.setattr(handlers, "CASES", type("Cases", (), {"lock": find}))
    nothing: Any = None
    return Evidences(Anything(), nothing, nothing, kept, nothing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exists", "kind", "left"), [(False, Kind.NOT_FOUND, 0), (True, Kind.STALE, 1)]
)
async def test_nothing_is_left_of_a_part_that_came_behind_an_erasure(
    monkeypatch: pytest.MonkeyPatch, exists: bool, kind: Kind, left: int
) -> None:
    kept = Kept()
    evidences = _evidences(monkeypatch, kept, moves=False, exists=exists)
    with pytest.raises(Refusal) as refused:
        await evidences._keep("HL-X", EVIDENCE, 0, DATA)
    assert refused.value.kind is kind
    assert len(kept) == left


@pytest.mark.parametrize(("first", "left"), [(True, 0), (False, 1)])
async def test_who_is_second_to_fail_deletes_nothing_of_what_was_begun_anew(
    monkeypatch: pytest.MonkeyPatch, first: bool, left: int
) -> None:
    kept = Kept({("HL-X/2", 0): b"legder"})
    evidences = _evidences(monkeypatch, kept, moves=first, exists=True)
    with pytest.raises(Refusal, match="none of it is kept"):
        await evidences._complete("HL-X", EVIDENCE)
    assert len(kept) == left


async def test_a_file_of_which_a_part_is_missing_is_sent_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evidences = _evidences(monkeypatch, Kept(), moves=True, exists=True)
    with pytest.raises(Refusal, match="send it anew"):
        await evidences._complete("HL-X", EVIDENCE)
