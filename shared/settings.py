"""A process's settings, read once from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from shared.callers import MOST_HOURS
from shared.tls import Tls


class MissingSetting(Exception):
    """A required variable is absent; the message names it and says what it holds."""


def required(environment: Mapping[str, str], name: str, holds: str) -> str:
    """The variable HARBOURLIGHT_<name>. Raises MissingSetting, which says what it holds."""
    value = environment.get(f"HARBOURLIGHT_{name}", "")
    if not value:
        raise MissingSetting(f"HARBOURLIGHT_{name} is not set: it holds {holds}")
    return value


@dataclass(frozen=True)
class Settings:
    """One process's settings. Secrets stay out of its repr, and so out of logs."""

    database_url: str
    """PostgreSQL, as the service's own role; empty for a process without a database."""
    keystore_url: str
    """The key store's PostgreSQL, as the service's own role; empty for one without keys."""
    kafka: str
    """Bootstrap servers, host:port, comma-separated."""
    kafka_username: str
    """Kafka principal (SCRAM-SHA-512); empty where the broker asks for none."""
    kafka_password: str
    kafka_ca: Path | None
    """File with the authority that signs the brokers' certificates; None speaks without TLS."""
    kafka_certificate: Path | None
    """What this process proves itself to the brokers by, beside its password; with its key."""
    kafka_key: Path | None
    listen: str
    """host:port of the gRPC server; port 0 takes a free one."""
    tls: Tls | None
    """The server's certificate; without it, only this machine is listened to."""
    shared_addresses: tuple[IPv4Network | IPv6Network, ...]
    """Where many callers come from one address, such as a gateway's; private ones count as such."""
    jwks: Path | None
    """File with the public keys that people's tokens are signed by."""
    oidc_issuers: Path | None
    """File with the issuers that people's tokens may come from as well: `shared.issuers`."""
    oidc_ca: Path | None
    """File with the authority of the issuers' certificates; None trusts what the machine trusts."""
    token_hours: float
    """How long a token of people may live from its making."""
    origin: str
    """Name of the installation, which every call signature is bound to."""
    secret: bytes
    """Key of the service's own tokens and pseudonyms."""
    promise_key: Path | None
    """File with the key that the service signs its promises by; None for one that gives none."""
    telemetry: Path | None
    """Folder for trace files; None exports by OTLP where OTEL_EXPORTER_OTLP_ENDPOINT is set."""
    metrics: str
    """host:port where Prometheus finds the figures; empty shows none."""
    topic_prefix: str
    """Put before every topic and group, so that installations can share a broker."""
    blobs: str
    """URL of the store of large ciphertexts, such as s3://bucket/prefix; empty keeps them in the
    service's own schema."""
    instance: str
    """Name of this process among its siblings, for static group membership."""

    def __repr__(self) -> str:
        return f"Settings(listen={self.listen!r}, kafka={self.kafka!r}, origin={self.origin!r})"

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        *,
        database: bool = True,
        keystore: bool = False,
    ) -> "Settings":
        """From HARBOURLIGHT_* variables; `database` and `keystore` say whether it needs one.

        Raises MissingSetting.
        """

        def path(name: str) -> Path | None:
            value = environment.get(f"HARBOURLIGHT_{name}", "")
            return Path(value) if value else None

        return cls(
            database_url=(
                required(
                    environment, "DATABASE_URL", "postgresql://role:password@host:port/database"
                )
                if database
                else ""
            ),
            keystore_url=(
                required(
                    environment, "KEYSTORE_URL", "postgresql://role:password@host:port/database"
                )
                if keystore
                else ""
            ),
            kafka=required(environment, "KAFKA", "the bootstrap servers, host:port"),
            kafka_username=environment.get("HARBOURLIGHT_KAFKA_USERNAME", ""),
            kafka_password=environment.get("HARBOURLIGHT_KAFKA_PASSWORD", ""),
            kafka_ca=path("KAFKA_CA"),
            kafka_certificate=path("KAFKA_CERTIFICATE"),
            kafka_key=path("KAFKA_KEY"),
            listen=environment.get("HARBOURLIGHT_LISTEN", "127.0.0.1:0"),
            tls=_tls(path("TLS_CERTIFICATE"), path("TLS_KEY"), path("TLS_CLIENT_CA")),
            shared_addresses=_networks(environment.get("HARBOURLIGHT_SHARED_ADDRESSES", "")),
            jwks=path("JWKS"),
            oidc_issuers=path("OIDC_ISSUERS"),
            oidc_ca=path("OIDC_CA"),
            token_hours=_hours(environment.get("HARBOURLIGHT_TOKEN_HOURS", "")),
            origin=environment.get("HARBOURLIGHT_ORIGIN", "harbourlight.local"),
            secret=bytes.fromhex(required(environment, "SECRET", "64 hexadecimal digits")),
            promise_key=path("PROMISE_KEY"),
            telemetry=path("TELEMETRY"),
            metrics=environment.get("HARBOURLIGHT_METRICS", ""),
            topic_prefix=environment.get("HARBOURLIGHT_TOPIC_PREFIX", ""),
            blobs=environment.get("HARBOURLIGHT_BLOBS", ""),
            instance=environment.get("HARBOURLIGHT_INSTANCE", "1"),
        )


def _hours(text: str) -> float:
    try:
        return float(text) if text else MOST_HOURS
    except ValueError:
        raise MissingSetting(
            f"HARBOURLIGHT_TOKEN_HOURS is {text!r}, and not a number of hours"
        ) from None


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise MissingSetting(
            f"HARBOURLIGHT_SHARED_ADDRESSES is not a list of networks: {error}; expected such as "
            "192.0.2.0/24,2001:db8::/32"
        ) from None


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    if certificate and key:
        return Tls(certificate, key, client_ca)
    if certificate or key or client_ca:
        raise MissingSetting(
            "HARBOURLIGHT_TLS_CERTIFICATE and HARBOURLIGHT_TLS_KEY are set together, and "
            "HARBOURLIGHT_TLS_CLIENT_CA beside them: PEM files"
        )
    return None
