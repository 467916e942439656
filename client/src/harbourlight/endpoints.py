"""Where an installation's services are: the file `endpoints.json`.

    {"origin": "harbourlight.local",
     "services": {"reporting": "127.0.0.1:9001", "triage": …, "notification": …, "remedy": …},
     "tokens": {"AUTHORITY": "tokens/authority.jwt", "NGO": …},
     "promises": {"reporting": "harbourlight.local/reporting+0a1b2c3d+…"},
     "ledger": {"ledger.vkey": "ledger.vkey", "witness.vkey": "witness.vkey"},
     "trust": "trust.json", "keys": {"AUTHORITY": ["keys/desk.json", …], "CUSTODIAN": […]},
     "ca": "ca.pem",
     "proxy": "socks5h://127.0.0.1:9050"}

`origin` names the installation in signatures. What else there is, is optional: `tokens` (role ->
file), `promises` (service -> verifier key of what it promises with a receipt), `ledger` (verifier
keys of the log of receipts and its witness), `trust` (whose keys count, see `keys.trust`), `keys`
(role -> files of private keys, which only development has), `ca` and `proxy`. Paths are relative to
the file. Without a `ca` only addresses of this machine are used. With a `proxy`, which
$HARBOURLIGHT_PROXY goes before, everything goes through it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from harbourlight.errors import BadFile
from harbourlight.keys.trust import Trust
from harbourlight.proofs.notes import BadNote, VerifierKey
from harbourlight.proofs.policy import LogPolicy

VARIABLE = "HARBOURLIGHT_ENDPOINTS"
PROXY = "HARBOURLIGHT_PROXY"
DEFAULT = Path(".harbourlight") / "endpoints.json"
LOG_KEY, WITNESS_KEY = "ledger.vkey", "witness.vkey"
"""Names of files with verifier keys, as the endpoints list them under `ledger`."""


def is_local(address: str) -> bool:
    """Whether what is sent to this address stays on this machine."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one installation, and what it takes to talk to them."""

    origin: str
    services: Mapping[str, str]
    """Service name -> host:port."""
    tokens: Mapping[str, Path] = field(default_factory=dict)
    """Role -> file with its token."""
    ca: Path | None = None
    """Certificate that TLS is checked against; None for plain connections on this machine."""
    proxy: str = ""
    """socks5h:// URL of the proxy that every connection goes through; empty for none."""
    promises: Mapping[str, str] = field(default_factory=dict)
    """Service -> verifier key that its promises are checked against."""
    ledger: Mapping[str, Path] = field(default_factory=dict)
    """Files with verifier keys: `ledger.vkey` of the log of receipts, `witness.vkey`."""
    trust: Path | None = None
    """File that says whose keys count; see `trusted`."""
    keys: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Role -> files of its private keys."""

    @classmethod
    def load(cls, path: Path) -> "Endpoints":
        """Reads an endpoints file. Raises BadFile where it is missing or malformed."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            ca, trust = data.get("ca"), data.get("trust")
            return cls(
                origin=data["origin"],
                services=dict(data["services"]),
                tokens={
                    role: path.parent / file for role, file in (data.get("tokens") or {}).items()
                },
                promises=dict(data.get("promises") or {}),
                ledger={
                    name: path.parent / file for name, file in (data.get("ledger") or {}).items()
                },
                ca=path.parent / ca if ca else None,
                proxy=os.environ.get(PROXY) or str(data.get("proxy") or ""),
                trust=path.parent / trust if trust else None,
                keys={
                    role: tuple(path.parent / file for file in files)
                    for role, files in (data.get("keys") or {}).items()
                },
            )
        except OSError as error:
            raise BadFile(f"cannot read the endpoints file {path}: {error.strerror}") from error
        except KeyError as error:
            raise BadFile(f"the endpoints file {path} has no {error}") from error
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            raise BadFile(f"{path} is not an endpoints file: {error}") from error

    @classmethod
    def find(cls, path: Path | None = None) -> "Endpoints":
        """From `path`, else $HARBOURLIGHT_ENDPOINTS, else .harbourlight/ here or further up.

        Raises BadFile where there is none.
        """
        if path or os.environ.get(VARIABLE):
            return cls.load(path or Path(os.environ[VARIABLE]))
        here = Path.cwd()
        for directory in (here, *here.parents):
            if (directory / DEFAULT).is_file():
                return cls.load(directory / DEFAULT)
        raise BadFile(
            f"no {DEFAULT} here or in any directory above: name the file that your installation "
            f"gave you with --endpoints or ${VARIABLE}"
        )

    def address(self, service: str) -> str:
        """host:port of a service. Raises BadFile where it is unknown, or not safe to talk to."""
        address = self.services.get(service)
        if address is None:
            raise BadFile(
                f"the endpoints name no {service} service, only {', '.join(self.services)}"
            )
        if self.ca is None and not is_local(address):
            raise BadFile(
                f"{service} is at {address}, away from this machine, and there is no TLS: "
                'add the installation\'s certificate to the endpoints file as "ca"'
            )
        return address

    def promisers(self, service: str) -> list[VerifierKey]:
        """Keys of a service's promises, if any are known. Raises BadFile where one is malformed."""
        try:
            return [VerifierKey.parse(self.promises[service])] if service in self.promises else []
        except BadNote as error:
            raise BadFile(f"the endpoints' key for promises of {service}: {error}") from None

    def receipt_policy(self) -> LogPolicy:
        """Whom a holder of receipts believes: the trust file says it, else `ledger`.

        Raises BadFile where the endpoints do not say it.
        """
        if self.trust is not None:
            return self.trusted().receipts
        if LOG_KEY not in self.ledger:
            raise BadFile(
                f"the endpoints name no {LOG_KEY}, the key that the ledger's receipts are checked "
                "by: name it with --vkey"
            )
        witnesses = [WITNESS_KEY] if WITNESS_KEY in self.ledger else []
        return _read_policy(self.ledger[LOG_KEY], [self.ledger[name] for name in witnesses])

    def trusted(self) -> Trust:
        """Whose keys count. Raises BadFile where no file says so, or it is another origin's."""
        if self.trust is None:
            raise BadFile(
                "the endpoints name no trust file, so no key can be trusted and nothing sealed: "
                'get it from the authority itself and add it to the endpoints file as "trust"'
            )
        trust = Trust.load(self.trust)
        if trust.origin != self.origin:
            raise BadFile(
                f"{self.trust} is of {trust.origin}, and the endpoints are those of {self.origin}"
            )
        return trust

    def certificate(self) -> bytes | None:
        """PEM bytes of `ca`. Raises BadFile where it cannot be read."""
        try:
            return self.ca.read_bytes() if self.ca else None
        except OSError as error:
            raise BadFile(f"cannot read the certificate {self.ca}: {error.strerror}") from error

    def token(self, role: str) -> str:
        """The token of a role such as AUTHORITY or NGO. Raises BadFile where there is none."""
        if role not in self.tokens:
            known = ", ".join(self.tokens) or "none"
            raise BadFile(f"the endpoints name no token for {role} (there: {known})")
        return read_token(self.tokens[role])


def _read_policy(log: Path, witnesses: Sequence[Path]) -> LogPolicy:
    """The policy of a log from files with verifier keys. Raises BadFile."""
    try:
        keys = [path.read_text(encoding="ascii") for path in (log, *witnesses)]
        return LogPolicy.of(keys[0], keys[1:])
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"cannot read a verifier key: {error}") from error
    except BadNote as error:
        names = ", ".join(str(path) for path in (log, *witnesses))
        raise BadFile(f"{names}: {error}") from None


def read_token(path: Path) -> str:
    """The token in a file. Raises BadFile where it cannot be read or is empty."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise BadFile(f"cannot read the token file {path}: {error}") from error
    if not token:
        raise BadFile(f"the token file {path} is empty")
    return token
