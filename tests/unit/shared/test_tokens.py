"""People are known by tokens of an issuer that we trust, as long as we trust it."""

import base64
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.options.v1 import options_pb2 as options
from shared import callers
from shared.callers import Callers
from shared.errors import Refusal
from tests.unit.shared.credentials import ISSUER, ORIGIN, OTHER, by_token, jwks, refusal, token


def test_a_token_says_who_its_bearer_is(known: Callers) -> None:
    caller = by_token(known, token())
    assert caller.role == options.ROLE_AUTHORITY
    assert caller.organisation == "inspectorate"
    assert caller.jurisdictions == {"MY"}
    assert caller.desks == {"LABOUR_INSPECTORATE", "POLICE"}
    assert caller.handle == ""


@pytest.mark.parametrize("role", ["AUTHORITY", "CUSTODIAN", "NGO", "OPERATOR"])
def test_a_token_carries_a_role_of_people(known: Callers, role: str) -> None:
    assert by_token(known, token(role=role)).role == options.Role.Value(f"ROLE_{role}")


@pytest.mark.parametrize("role", ["COMPANY", "PUBLIC", "UNSPECIFIED", "authority", "", 3, None])
def test_a_token_carries_no_other_role(known: Callers, role: Any) -> None:
    message = refusal(known, {"authorization": f"Bearer {token(role=role)}"})
    assert f"its role {role!r} is none that a token can carry" in message


def unsigned(sent: str) -> str:
    _, claims, _ = sent.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"issuer"}').decode().rstrip("=")
    return f"{none}.{claims}."


PUBLIC = base64.urlsafe_b64decode(json.loads(jwks(issuer=ISSUER))["keys"][0]["x"] + "=")
BAD_TOKENS: dict[str, Callable[[], str]] = {
    "expired": lambda: token(exp=int(time.time()) - 1),
    "issued in the future": lambda: token(iat=int(time.time()) + 3600),
    "of another issuer": lambda: token(iss="elsewhere"),
    "for another audience": lambda: token(aud="elsewhere"),
    "signed by another key": lambda: token(OTHER),
    "of an unknown key": lambda: token(OTHER, kid="unknown"),
    "of no key": lambda: token(kid=None),
    "unsigned": lambda: unsigned(token()),
    "unsigned and of no key": lambda: jwt.encode({"sub": "officer"}, None, algorithm="none"),
    "keyed with the public key": lambda: token(PUBLIC, algorithm="HS256"),
    "without an expiry": lambda: token(without="exp"),
    "without a subject": lambda: token(without="sub"),
    "without an issuer": lambda: token(without="iss"),
    "without an audience": lambda: token(without="aud"),
    "with desks that are no list": lambda: token(desks="POLICE"),
    "with jurisdictions that are no strings": lambda: token(jurisdictions=[1]),
    "no token": lambda: "no.such.token",
    "not even that": lambda: "x",
}


@pytest.mark.parametrize("made", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_token_that_we_do_not_trust_is_refused(known: Callers, made: Callable[[], str]) -> None:
    by_token(known, token())
    assert "the token is not accepted: " in refusal(known, {"authorization": f"Bearer {made()}"})


@pytest.mark.parametrize("sent", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "nothing else"])
def test_an_authorization_of_another_kind_is_refused(known: Callers, sent: str) -> None:
    assert refusal(known, {"authorization": sent}) == "authorization holds no 'Bearer <token>'"


@given(data=st.data())
def test_a_changed_token_is_refused(trusting: Callers, data: st.DataObject) -> None:
    header, claims, signature = token().split(".")
    body = bytearray(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    changed = base64.urlsafe_b64encode(body).decode().rstrip("=")
    refusal(trusting, {"authorization": f"Bearer {header}.{changed}.{signature}"})


def test_without_a_key_file_no_token_is_trusted() -> None:
    assert "not among the trusted ones" in refusal(
        Callers(ORIGIN, None), {"authorization": f"Bearer {token()}"}
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Time as the callers read it, moved by the test."""
    moved = SimpleNamespace(by=0.0)
    moved.time = lambda: time.time() + moved.by
    moved.monotonic = lambda: time.monotonic() + moved.by
    monkeypatch.setattr(callers, "time", moved)
    return moved


def replace(file: Path, text: str) -> None:
    """Another file under the same name, as rotation does it."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)


def test_a_key_that_is_added_counts_within_seconds(
    known: Callers, file: Path, clock: SimpleNamespace
) -> None:
    added = token(OTHER, kid="other")
    by_token(known, token())
    replace(file, jwks(issuer=ISSUER, other=OTHER))
    clock.by += callers.LOOK_SECONDS
    assert by_token(known, added).organisation == "inspectorate"
    by_token(known, token())


def test_a_key_that_is_withdrawn_counts_no_more_within_seconds(
    known: Callers, file: Path, clock: SimpleNamespace
) -> None:
    sent = token()
    by_token(known, sent)
    replace(file, jwks(other=OTHER))
    clock.by += callers.LOOK_SECONDS
    assert "not among the trusted ones" in refusal(known, {"authorization": f"Bearer {sent}"})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": []}', '{"keys": 7}'])
def test_a_key_file_that_cannot_be_read_leaves_the_keys_as_they_were(
    known: Callers, file: Path, clock: SimpleNamespace, text: str
) -> None:
    by_token(known, token())
    replace(file, text)
    clock.by += callers.LOOK_SECONDS
    by_token(known, token())


def test_a_token_that_was_known_expires_all_the_same(known: Callers) -> None:
    while True:
        expiry = int(time.time()) + 2
        sent = token(exp=expiry)
        with contextlib.suppress(Refusal):  # this machine may stall for longer than that
            by_token(known, sent)
            break
    while time.time() <= expiry:
        time.sleep(0.05)
    assert "expired" in refusal(known, {"authorization": f"Bearer {sent}"})


names = st.text('ab/",[] ', min_size=1, max_size=4)


@given(st.tuples(names, names), st.tuples(names, names))
def test_two_people_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    def name(org: str, sub: str) -> str:
        return callers._caller({"role": "NGO", "org": org, "sub": sub}).name

    assert (name(*one) == name(*other)) == (one == other)
