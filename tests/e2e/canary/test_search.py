"""The search itself: what it would find, were it there."""

import base64
from pathlib import Path

import pytest

from tests.e2e.canary.search import canary, in_bytes, in_folder

TEXT = canary("site.name") + " and more"


@pytest.mark.parametrize(
    "written",
    [
        TEXT.encode(),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode().hex().encode(),
        TEXT.encode().hex().upper().encode(),
        TEXT.lower().encode(),
        *(base64.b64encode(b"x" * shift + TEXT.encode()) for shift in range(6)),
        *(base64.urlsafe_b64encode(b"\xff" * shift + TEXT.encode()) for shift in range(6)),
    ],
)
@pytest.mark.parametrize("before", [b"", b"\0\xff\n", b"a" * 5000])
def test_a_canary_is_found_in_every_writing(written: bytes, before: bytes, tmp_path: Path) -> None:
    assert list(in_bytes("here", before + written + b"\xff\0"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.bin").write_bytes(before + written + b"\xff\0")
    assert list(in_folder(tmp_path))


def test_a_canary_in_a_file_name_is_found(tmp_path: Path) -> None:
    (tmp_path / canary("evidence.name")).touch()
    assert list(in_folder(tmp_path))


def test_other_bytes_are_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 1000)
    assert not list(in_folder(tmp_path))
