"""A certificate authority in a folder, and the certificates it signs for this installation.

    python -m deploy.certificates FOLDER NAME[=HOST,HOST…] …

For installations that have no authority of their own: the embedded default and the compose file.
Each certificate serves and calls, so that services prove themselves to the broker as well. Private
keys are readable by their owner alone.
"""

import argparse
import datetime
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.files import write_private

LOOPBACK = ("localhost", "127.0.0.1")
_DAY = datetime.timedelta(days=1)
_AUTHORITY_LIFE, _AUTHORITY_RENEWAL = 3650 * _DAY, 400 * _DAY
_LIFE, _RENEWAL = 365 * _DAY, 90 * _DAY
# Clocks differ a little, also between the processes of one machine after it was suspended.
_EARLIER = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, each a PEM file."""

    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        """Key and certificate in one PEM file, as Kafka's broker reads them."""
        return self.certificate.with_suffix(".both.pem")


class Authority:
    """Signs certificates with the key in its folder, which it makes there on first use.

    An authority that ends soon is made anew, and with it every certificate that it signed.
    """

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._now = now
        self._one_at_a_time = threading.Lock()
        self.certificate = folder / "ca.pem"
        """What others trust."""
        self._own = Pair(self.certificate, folder / "ca.key")
        found = _read(self._own)
        if found is None or found[0].not_valid_after_utc - now() < _AUTHORITY_RENEWAL:
            found = self._make()
        self._signer, self._key = found

    def pair(self, name: str, hosts: Sequence[str] = LOOPBACK) -> Pair:
        """The certificate of a party that is reached at `hosts` (names or addresses).

        The one of before, unless it ends soon, is another authority's or for other hosts.
        """
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        with self._one_at_a_time:
            found = _read(pair)
            if found is None or not pair.both.exists() or not self._is_current(found[0], hosts):
                self._sign(pair, name, hosts)
        return pair

    def _is_current(self, certificate: x509.Certificate, hosts: Sequence[str]) -> bool:
        try:
            certificate.verify_directly_issued_by(self._signer)
            named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except Exception:  # whatever is wrong with it, a new one is not
            return False
        left = certificate.not_valid_after_utc - self._now()
        return left > _RENEWAL and named.value == _names(hosts)

    def _make(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject("Harbourlight authority of this installation")
        usage = _usage(digital_signature=False, signs=True)
        certificate = (
            self._builder(subject, subject, key.public_key(), _AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._own, key, [certificate])
        return certificate, key

    def _sign(self, pair: Pair, name: str, hosts: Sequence[str]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        both_ways = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(_subject(name), self._signer.subject, key.public_key(), _LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both_ways), critical=False)
            .add_extension(_names(hosts), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        _write(pair, key, [certificate])
        write_private(pair.both, pair.key.read_text() + pair.certificate.read_text())

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePublicKey,
        life: datetime.timedelta,
    ) -> x509.CertificateBuilder:
        now = self._now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    found: list[x509.GeneralName] = []
    for host in hosts:
        try:
            found.append(x509.IPAddress(ip_address(host)))
        except ValueError:
            found.append(x509.DNSName(host))
    return x509.SubjectAlternativeName(found)


def _usage(*, digital_signature: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """The pair, or None where it is not whole."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        key = load_pem_private_key(pair.key.read_bytes(), password=None)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    # Written one after the other: a run that was killed between may have left halves of two.
    return (certificate, key) if certificate.public_key() == key.public_key() else None


def _write(
    pair: Pair, key: ec.EllipticCurvePrivateKey, certificates: Sequence[x509.Certificate]
) -> None:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(pair.key, private.decode())
    chain = "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)
    write_private(pair.certificate, chain)


def main() -> None:
    """Command line: a folder per name, with what that party needs and nobody else's key."""
    parser = argparse.ArgumentParser(prog="python -m deploy.certificates", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+", metavar="NAME[=HOST,HOST…]")
    parser.add_argument("--group", action="store_true", help="the owner's group may read as well")
    options = parser.parse_args()
    file_mode, folder_mode = (0o640, 0o750) if options.group else (0o600, 0o700)
    authority = Authority(options.folder / "authority")
    for text in options.names:
        name, _, hosts = text.partition("=")
        found = authority.pair(name, [*LOOPBACK, *filter(None, hosts.split(","))])
        target = options.folder / name
        target.mkdir(exist_ok=True, mode=folder_mode)
        for file, source in (
            ("ca.crt", authority.certificate),
            ("tls.crt", found.certificate),
            ("tls.key", found.key),
            ("both.pem", found.both),
        ):
            write_private(target / file, source.read_text(), file_mode)


if __name__ == "__main__":
    main()
