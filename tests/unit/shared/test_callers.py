"""Companies are known by the signature of each call; each role gets in where it may."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight import CaseKey, signing
from harbourlight.options.v1 import options_pb2 as options
from shared import callers
from shared.callers import ANYBODY, Callers, authorise
from shared.errors import Kind, Refusal
from tests.unit.shared.credentials import METHOD, ORIGIN, refusal, token

KEY = CaseKey.generate()


def signed(
    request: bytes = b"request",
    *,
    origin: str = ORIGIN,
    method: str = METHOD,
    now: float | None = None,
) -> dict[str, str]:
    """Metadata of a call that the case key signed."""
    return dict(KEY.sign_call(origin, method, request, now=now))


def test_a_signature_says_which_case_its_signer_holds(known: Callers) -> None:
    caller = known.identify(METHOD, signed(), b"request")
    assert (caller.role, caller.handle) == (options.ROLE_COMPANY, KEY.handle)
    assert caller.organisation == ""


OTHER_CASE = CaseKey.generate()
Signed = tuple[dict[str, str], bytes]
CHANGED: dict[str, Callable[[], Signed]] = {
    "origin": lambda: (signed(origin="elsewhere"), b"request"),
    "method": lambda: (signed(method="/package.Service/Other"), b"request"),
    "request": lambda: (signed(), b"another"),
    "time": lambda: (with_other(signing.TIME, signed(now=time.time() - 1)), b"request"),
    "nonce": lambda: (with_other(signing.NONCE, signed()), b"request"),
    "signature": lambda: (with_other(signing.SIGNATURE, signed()), b"request"),
    "key": lambda: (
        with_other(signing.KEY, dict(OTHER_CASE.sign_call(ORIGIN, METHOD, b"request"))),
        b"request",
    ),
}


def with_other(line: str, other: dict[str, str]) -> dict[str, str]:
    """A sound signature, but for one entry that comes from another one."""
    return signed() | {line: other[line]}


@pytest.mark.parametrize("made", CHANGED.values(), ids=CHANGED.keys())
def test_a_signature_is_for_these_lines_alone(known: Callers, made: Callable[[], Signed]) -> None:
    metadata, request = made()
    assert "does not match" in refusal(known, metadata, request)


@pytest.mark.parametrize("missing", [signing.KEY, signing.TIME, signing.NONCE, signing.SIGNATURE])
def test_half_a_signature_is_none(known: Callers, missing: str) -> None:
    metadata = signed()
    del metadata[missing]
    assert missing in refusal(known, metadata)


@pytest.mark.parametrize("seconds", [-180, 180])
def test_a_signature_outside_the_window_tells_the_servers_time(
    known: Callers, seconds: int
) -> None:
    before = int(time.time() * 1000)
    message = refusal(known, signed(now=time.time() + seconds))
    told = int(message.split("which reads ")[1].split(":")[0])
    assert before <= told <= int(time.time() * 1000)


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_signature_within_the_window_is_accepted(known: Callers, seconds: int) -> None:
    metadata = signed(now=time.time() + seconds)
    assert known.identify(METHOD, metadata, b"request").handle == KEY.handle


def test_who_brings_nothing_is_anybody(known: Callers) -> None:
    assert known.identify(METHOD, {}, b"request") == ANYBODY


def test_a_token_goes_before_a_signature(known: Callers) -> None:
    both = signed() | {"authorization": f"Bearer {token()}"}
    assert known.identify(METHOD, both, b"request").role == options.ROLE_AUTHORITY


ROLES = frozenset(options.Role.values()) - {options.ROLE_UNSPECIFIED}


@given(st.sampled_from(sorted(ROLES)), st.frozensets(st.sampled_from(sorted(ROLES))))
def test_a_caller_gets_in_exactly_by_its_role(role: int, allowed: frozenset[int]) -> None:
    caller = callers.Caller(role, "someone")
    if role in allowed or options.ROLE_PUBLIC in allowed:
        authorise(caller, allowed, METHOD)
        return
    with pytest.raises(Refusal) as refused:
        authorise(caller, allowed, METHOD)
    could_sign_in = role == options.ROLE_PUBLIC and allowed
    assert refused.value.kind == (Kind.UNAUTHENTICATED if could_sign_in else Kind.DENIED)


@pytest.mark.parametrize(
    ("role", "allowed", "message"),
    [
        ("PUBLIC", {"COMPANY"}, "is open to COMPANY: sign the call with the case key"),
        (
            "PUBLIC",
            {"NGO", "AUTHORITY"},
            "is open to AUTHORITY and NGO: send a signed token as 'authorization: Bearer <token>'",
        ),
        ("NGO", {"COMPANY"}, "is open to COMPANY alone"),
        ("OPERATOR", set(), "is open to nobody"),
        ("PUBLIC", set(), "is open to nobody"),
    ],
)
def test_who_is_refused_is_told_who_may(role: str, allowed: set[str], message: str) -> None:
    numbers = frozenset(options.Role.Value(f"ROLE_{name}") for name in allowed)
    with pytest.raises(Refusal) as refused:
        authorise(callers.Caller(options.Role.Value(f"ROLE_{role}"), ""), numbers, METHOD)
    assert refused.value.message == f"{METHOD} {message}"
