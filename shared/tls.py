"""A server's certificate, taken up anew when its files change, so that renewal needs no restart."""

import logging
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

log = logging.getLogger(__name__)


class BadTls(Exception):
    """The server cannot listen as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Tls:
    """PEM files of a server's identity."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    """Authority of callers' certificates. With it, a caller without one is not let in at all."""


class _Reloading:
    """Reads the files again where they have changed; what cannot be used changes nothing."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._version = self._look()
        self.configuration = self._read()

    # gRPC's stubs know of no None, which it documents.
    def __call__(self) -> Any:
        """What changed since the last call, or None; gRPC calls at every new connection."""
        try:
            version = self._look()
            if version == self._version:
                return None
            self.configuration = self._read()
        except (OSError, ValueError) as error:
            # Also while a renewal has written the certificate and not yet its key.
            log.error("the new certificate is not taken up: %s", error)
            return None
        self._version = version
        return self.configuration

    def _files(self) -> list[Path]:
        files = [self._tls.certificate, self._tls.key, self._tls.client_ca]
        return [path for path in files if path is not None]

    def _look(self) -> list[tuple[int, int, int]]:
        found = [path.stat() for path in self._files()]
        return [(one.st_mtime_ns, one.st_size, one.st_ino) for one in found]

    def _read(self) -> grpc.ServerCertificateConfiguration:
        certificate, key, *authority = [path.read_bytes() for path in self._files()]
        public = load_pem_private_key(key, password=None).public_key()
        if x509.load_pem_x509_certificate(certificate).public_key() != public:
            raise ValueError(f"{self._tls.key} is not the key of {self._tls.certificate}")
        return grpc.ssl_server_certificate_configuration([(key, certificate)], *authority)


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """Credentials that follow their files. Raises BadTls where these cannot be used."""
    try:
        reloading = _Reloading(tls)
    except (OSError, ValueError) as error:
        raise BadTls(f"the server's certificate cannot be used: {error}") from error
    return grpc.dynamic_ssl_server_credentials(
        reloading.configuration, reloading, require_client_authentication=bool(tls.client_ca)
    )


def check_listen(listen: str, tls: Tls | None, setting: str = "HARBOURLIGHT_LISTEN") -> None:
    """Raises BadTls, naming the setting, where calls would travel in clear beyond this machine."""
    host = listen.rpartition(":")[0].strip("[]")
    if tls is None and not listen.startswith("unix:") and not _is_loopback(host):
        raise BadTls(
            f"{setting} is {listen}, which others can reach, and there is no TLS: set "
            "HARBOURLIGHT_TLS_CERTIFICATE and HARBOURLIGHT_TLS_KEY, or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def client_context(
    ca: Path | None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext | None:
    """For clients that take Python's own contexts; None without an authority to trust."""
    if ca is None:
        return None
    context = ssl.create_default_context(cafile=ca)
    if certificate and key:
        context.load_cert_chain(certificate, key)
    return context
