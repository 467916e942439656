import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.errors import BadFile
from harbourlight.keys.trust import Trust
from harbourlight.proofs.notes import BadNote, SignerKey

from .world import CUSTODIAN_ROOT, DESK_ROOT, LOG, ORIGIN, RECEIPTS, TRUST, WITNESS


def content(**changes: Any) -> dict[str, Any]:
    roots = {purpose: [str(root) for root in roots] for purpose, roots in TRUST.roots.items()}
    return {
        "origin": ORIGIN,
        "logs": {"receipts": str(RECEIPTS.verifier), "directory": str(LOG.verifier)},
        "witnesses": [str(WITNESS.verifier)],
        "quorum": 1,
        "roots": roots | changes.pop("roots", {}),
    } | changes


def test_a_trust_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_text(json.dumps(content()))
    assert Trust.load(path) == TRUST


SAME_KEY = SignerKey.of("another-name", DESK_ROOT.private_bytes)
SAME_NAME = SignerKey.of("ministry", b"\x77" * 32)


@pytest.mark.parametrize("purpose", ["custodian", "alternate"])
@pytest.mark.parametrize("root", [DESK_ROOT, SAME_KEY, SAME_NAME])
def test_one_organisation_cannot_be_desk_and_custodian(purpose: str, root: SignerKey) -> None:
    roots = {purpose: [str(CUSTODIAN_ROOT.verifier), str(root.verifier)]}
    with pytest.raises(BadNote, match="different organisations"):
        Trust.parse(json.dumps(content(roots=roots)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"roots": {"officer": []}}, "officer"),
        ({"roots": {"desk": ["nonsense"]}}, "name"),
        ({"roots": {"desk": [7]}}, "text"),
        ({"roots": {"desk": [str(WITNESS.verifier)]}}, "witness"),
        ({"logs": {"receipts": str(RECEIPTS.verifier)}}, "directory"),
        ({"logs": {"receipts": str(LOG.verifier), "directory": str(LOG.verifier)}}, "log of"),
        ({"origin": "elsewhere.test"}, "elsewhere"),
        ({"origin": 7}, "origin"),
        ({"quorum": 0}, "witness"),
    ],
)
def test_what_cannot_be_trusted_is_refused(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "trust.json"
    path.write_text(json.dumps(content(**change)))
    with pytest.raises(BadFile, match=reason):
        Trust.load(path)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda one: (
            st.lists(one)
            | st.dictionaries(st.sampled_from(["origin", "logs", "roots", "witnesses"]), one)
        ),
    )
)
def test_any_json_is_read_or_refused(data: object) -> None:
    with pytest.raises(BadNote):
        Trust.parse(json.dumps(data))


def test_a_missing_or_long_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot read the trust file"):
        Trust.load(tmp_path / "gone")
    path = tmp_path / "long"
    path.write_text(" " * 2_000_000)
    with pytest.raises(BadFile, match="longer"):
        Trust.load(path)
