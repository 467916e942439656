"""An authority of an installation's own: what it signs, for how long, and who reads the keys."""

import datetime
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from deploy.certificates import Authority, Pair
from deploy.embedded.bootstrap import ROOT

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def at(folder: Path, days: int = 0) -> Authority:
    """The folder's authority as it is taken up so many days later."""
    return Authority(folder, lambda: NOW + days * DAY)


def read(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def test_it_signs_for_the_hosts_asked_for(tmp_path: Path) -> None:
    authority = at(tmp_path)
    found = read(authority.pair("reporting", ["reporting", "127.0.0.1"]))
    found.verify_directly_issued_by(
        x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    )
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["reporting"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_only_their_owner_can_read_the_files(tmp_path: Path) -> None:
    at(tmp_path / "tls").pair("reporting")
    assert (tmp_path / "tls").stat().st_mode & 0o077 == 0
    files = list((tmp_path / "tls").iterdir())
    assert len(files) == 5
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_what_holds_is_kept(tmp_path: Path) -> None:
    first = read(at(tmp_path).pair("reporting"))
    assert read(at(tmp_path, 200).pair("reporting")) == first


@pytest.mark.parametrize("days", [280, 400, 3500])
def test_what_ends_soon_is_made_anew(tmp_path: Path, days: int) -> None:
    first = read(at(tmp_path).pair("reporting"))
    second = read(at(tmp_path, days).pair("reporting"))
    assert second != first
    assert second.not_valid_after_utc > NOW + (days + 300) * DAY


def test_an_authority_that_ends_soon_takes_its_certificates_along(tmp_path: Path) -> None:
    before = at(tmp_path).certificate.read_bytes()
    at(tmp_path, 3200).pair("reporting")
    after = at(tmp_path, 3300)
    assert after.certificate.read_bytes() != before
    read(after.pair("reporting")).verify_directly_issued_by(
        x509.load_pem_x509_certificate(after.certificate.read_bytes())
    )


def test_other_hosts_ask_for_another_certificate(tmp_path: Path) -> None:
    first = read(at(tmp_path).pair("kafka"))
    assert read(at(tmp_path).pair("kafka", ["kafka"])) != first


def test_halves_of_two_pairs_are_none(tmp_path: Path) -> None:
    authority = at(tmp_path)
    pair, other = authority.pair("reporting"), authority.pair("triage")
    pair.key.write_bytes(other.key.read_bytes())
    authority.pair("reporting")
    assert pair.key.read_bytes() != other.key.read_bytes()


def test_by_command_each_party_gets_a_folder_with_its_own_key_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.certificates", "--group", str(tmp_path)]
    for _ in range(2):
        subprocess.run([*command, "kafka=broker", "ngo"], cwd=ROOT, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"authority", "kafka", "ngo"}
    for name in ("kafka", "ngo"):
        files = {path.name for path in (tmp_path / name).iterdir()}
        assert files == {"ca.crt", "tls.crt", "tls.key", "both.pem"}
        assert (tmp_path / name / "tls.key").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "authority").stat().st_mode & 0o077 == 0
    found = x509.load_pem_x509_certificate((tmp_path / "kafka" / "tls.crt").read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "broker" in names.get_values_for_type(x509.DNSName)
