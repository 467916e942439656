"""How a broker is reached, as settings say it and as its clients take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.kafka import Kafka, credentials

K = TypeVar("K", bound=Kafka)
_FILES = ("_CA", "_CERTIFICATE", "_KEY")


@dataclass(frozen=True)
class Access:
    """How a principal reaches a broker. Without a user name the broker asks for none."""

    bootstrap: str
    """host:port, comma-separated."""
    username: str = ""
    password: str = ""
    ca: Path | None = None
    """Authority of the brokers' certificates; None speaks without TLS."""
    certificate: Path | None = None
    """What the principal proves itself by beside its password, with its key."""
    key: Path | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Access":
        """As HARBOURLIGHT_KAFKA and its variables say; without a bootstrap where none is set."""

        def setting(name: str) -> str:
            return environment.get(f"HARBOURLIGHT_KAFKA{name}", "")

        files = [Path(text) if (text := setting(one)) else None for one in _FILES]
        return cls(setting(""), setting("_USERNAME"), setting("_PASSWORD"), *files)

    def environment(self) -> dict[str, str]:
        """The variables that `of` reads."""
        found = {
            "": self.bootstrap,
            "_USERNAME": self.username,
            "_PASSWORD": self.password,
            **dict(zip(_FILES, (self.ca, self.certificate, self.key), strict=True)),
        }
        return {f"HARBOURLIGHT_KAFKA{name}": str(text) for name, text in found.items() if text}

    def published(self, password_file: Path) -> dict[str, str]:
        """What a reader outside of the network is told, the password by its file."""
        files = {"ca": self.ca, "certificate": self.certificate, "key": self.key}
        return {
            "bootstrap": self.bootstrap,
            "username": self.username,
            "password_file": str(password_file),
            **{name: str(path) for name, path in files.items() if path},
        }

    def kafka(self, kind: type[K], prefix: str = "") -> K:
        """Clients as the services have them, on the topics with this prefix."""
        return kind(
            self.bootstrap,
            self.username,
            self.password,
            ca=self.ca,
            certificate=self.certificate,
            key=self.key,
            prefix=prefix,
        )

    def client_options(self) -> dict[str, str]:
        """Options for every client of kafka-python."""
        who = credentials(self.username, self.password, self.ca, self.certificate, self.key)
        return {"bootstrap_servers": self.bootstrap, **who}
