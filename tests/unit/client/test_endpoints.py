import json
from pathlib import Path

import pytest

from harbourlight import Endpoints, errors

CONTENT = {
    "origin": "harbourlight.test",
    "services": {"reporting": "127.0.0.1:1", "triage": "harbour.example:443"},
    "tokens": {"NGO": "ngo.jwt", "AUTHORITY": "gone.jwt"},
    "ca": None,
}


def write(directory: Path, content: object = CONTENT) -> Path:
    path = directory / ".harbourlight" / "endpoints.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    (path.parent / "ngo.jwt").write_text("abc\n")
    return path


def test_tokens_lie_beside_the_file(tmp_path: Path) -> None:
    endpoints = Endpoints.load(write(tmp_path))
    assert endpoints.token("NGO") == "abc"
    with pytest.raises(errors.BadFile, match=r"gone\.jwt"):
        endpoints.token("AUTHORITY")
    with pytest.raises(errors.BadFile, match="no token for OPERATOR"):
        endpoints.token("OPERATOR")


def test_it_is_found_further_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("HARBOURLIGHT_ENDPOINTS", raising=False)
    assert Endpoints.find().origin == "harbourlight.test"


def test_the_environment_comes_before_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**CONTENT, "origin": "other.test"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARBOURLIGHT_ENDPOINTS", str(other))
    assert Endpoints.find().origin == "other.test"


def test_nowhere_to_be_found_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARBOURLIGHT_ENDPOINTS", raising=False)
    with pytest.raises(errors.BadFile, match="--endpoints"):
        Endpoints.find()


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.8.8.8:1", "unix:/run/x"]
)
def test_without_tls_this_machine_is_talked_to(address: str) -> None:
    assert Endpoints("o", {"reporting": address}).address("reporting") == address


@pytest.mark.parametrize(
    "address", ["harbour.example:443", "10.0.0.1:1", "0.0.0.0:1", "localhost.evil.example:1", "x"]
)
def test_without_tls_nobody_else_is(address: str) -> None:
    endpoints = Endpoints("o", {"reporting": address})
    with pytest.raises(errors.BadFile, match="no TLS"):
        endpoints.address("reporting")


def test_an_unknown_service_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.BadFile, match="no remedy service, only reporting, triage"):
        Endpoints.load(write(tmp_path)).address("remedy")


@pytest.mark.parametrize("content", [[], {}, {"origin": "x"}, "text", {"services": 3, "origin": 1}])
def test_something_else_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(errors.BadFile, match=r"endpoints\.json"):
        Endpoints.load(write(tmp_path, content))
