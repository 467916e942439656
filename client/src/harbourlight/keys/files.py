"""Private keys on this machine: of a root, a desk, a custodian, an officer or a service.

    {"format": "harbourlight.key", "version": 1, "kind": "desk",
     "entry": the key's entry in the directory, or for a root its verifier key,
     "secret": {"signing": base64, "sealing": base64}}

With a passphrase the secret is encrypted: {"kdf": "scrypt", "n", "r", "p", "salt", "nonce",
"ciphertext"}, ChaCha20-Poly1305 under scrypt's key, bound to kind and entry. A file is its owner's
alone (mode 600) and never replaced.
"""

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from harbourlight.errors import BadFile
from harbourlight.keys.entries import KeyEntry
from harbourlight.privatefile import read_private, write_private
from harbourlight.proofs import notes
from harbourlight.proofs.notes import BadNote, SignerKey, VerifierKey
from harbourlight.sealing.framing import join
from harbourlight.sealing.hpke import PrivateKey

FORMAT = "harbourlight.key"
VERSION = 1
ROOT = "root"
_N, _R, _P = 2**17, 8, 1
"""128 MiB and about half a second for a guess."""
_LARGEST_N = 2**20
_WHAT = "a private key"

Passphrase = Callable[[Path], str]
"""Asks for the passphrase of a file."""


@dataclass(frozen=True)
class RootFile:
    """An organisation's root, which is best kept on a machine without a network."""

    signer: SignerKey

    @classmethod
    def generate(cls, organisation: str) -> "RootFile":
        """A fresh one. Raises BadFile where the name cannot be one."""
        try:
            return cls(SignerKey.generate(organisation))
        except BadNote as error:
            raise BadFile(str(error)) from None

    def save(self, path: Path, passphrase: str = "") -> None:
        """Writes a new file. Raises BadFile."""
        _write(path, ROOT, str(self.signer.verifier), self.signer.private_bytes, b"", passphrase)


@dataclass(frozen=True)
class KeyFile:
    """A key of the directory with its private half."""

    entry: KeyEntry
    signing: bytes = field(repr=False)
    """Raw Ed25519 private key."""
    sealing: PrivateKey | None = None

    @property
    def key_id(self) -> str:
        """16 hexadecimal digits, as the directory has it."""
        return self.entry.key_id

    @property
    def signer(self) -> SignerKey:
        """Signs notes: the entries of a desk's officers."""
        return SignerKey.of(self.key_id, self.signing)

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of these bytes (see `sealing.signed.Signer`)."""
        return Ed25519PrivateKey.from_private_bytes(self.signing).sign(data)

    def opens(self) -> PrivateKey:
        """What opens seals. Raises BadFile where nothing is sealed to keys of this kind."""
        if self.sealing is None:
            raise BadFile(f"key {self.key_id} is {self.entry.kind} {self.entry.name}'s: it signs")
        return self.sealing

    def save(self, path: Path, passphrase: str = "") -> None:
        """Writes a new file. Raises BadFile."""
        sealing = self.sealing.secret if self.sealing else b""
        _write(path, self.entry.kind, str(self.entry), self.signing, sealing, passphrase)


def load_root(path: Path, passphrase: Passphrase | None = None) -> RootFile:
    """Reads a root's file. Raises BadFile."""
    kind, public, signing, _ = _read(path, passphrase)
    if kind != ROOT:
        raise BadFile(f"{path} is the key of a {kind}, and not a root")
    try:
        root = RootFile(SignerKey.of(VerifierKey.parse(public).name, signing))
        if str(root.signer.verifier) != public:
            raise BadNote("its private half is another key's")
    except BadNote as error:
        raise _damaged(path, error) from None
    return root


def load_key(path: Path, passphrase: Passphrase | None = None) -> KeyFile:
    """Reads the file of a key of the directory. Raises BadFile."""
    kind, public, signing, sealing = _read(path, passphrase)
    if kind == ROOT:
        raise BadFile(f"{path} is a root, and not a key of the directory")
    try:
        entry = KeyEntry.parse(public)
        key = KeyFile(entry, signing, PrivateKey(sealing) if sealing else None)
        halves = (
            Ed25519PrivateKey.from_private_bytes(signing).public_key().public_bytes_raw(),
            key.sealing.public_bytes if key.sealing else b"",
        )
        if entry.kind != kind or halves != (entry.signing, entry.sealing):
            raise BadNote("its private half is another key's")
    except (BadNote, ValueError) as error:
        raise _damaged(path, error) from None
    return key


@dataclass(frozen=True)
class KeyRing:
    """The keys that somebody holds, old ones too: what was sealed to those still opens."""

    keys: tuple[KeyFile, ...]

    @classmethod
    def load(cls, paths: Iterable[Path], passphrase: Passphrase | None = None) -> "KeyRing":
        """From files, and every *.json in folders. Raises BadFile."""
        files = (
            file
            for path in paths
            for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])
        )
        return cls(tuple(load_key(file, passphrase) for file in files))

    def find(self, key_id: str) -> KeyFile:
        """The key of this id. Raises BadFile where it is not held."""
        for key in self.keys:
            if key.key_id == key_id:
                return key
        held = ", ".join(f"{one.key_id} ({one.entry.kind})" for one in self.keys) or "none"
        raise BadFile(
            f"this is sealed to key {key_id}, and the keys here are {held}: name the file of that "
            "key too, such as that of a key since rotated"
        )


def _write(
    path: Path, kind: str, public: str, signing: bytes, sealing: bytes, passphrase: str
) -> None:
    secret: dict[str, Any] = {"signing": notes.encode(signing)}
    if sealing:
        secret["sealing"] = notes.encode(sealing)
    if passphrase:
        secret = _encrypt(json.dumps(secret).encode(), passphrase, join(FORMAT, kind, public))
    content = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "entry": public,
        "secret": secret,
    }
    try:
        write_private(path, json.dumps(content, indent=1) + "\n")
    except FileExistsError:
        raise BadFile(f"{path} exists already and is never replaced: name another file") from None
    except OSError as error:
        raise BadFile(f"cannot write the key file {path}: {error.strerror}") from error


def _read(path: Path, passphrase: Passphrase | None) -> tuple[str, str, bytes, bytes]:
    """Kind, entry or verifier key, signing key, sealing key."""
    try:
        text = read_private(path, _WHAT)
    except FileNotFoundError:
        raise BadFile(f"there is no key file {path}") from None
    try:
        data = json.loads(text)
        if (data["format"], data["version"]) != (FORMAT, VERSION):
            raise ValueError(f'"format" is not {FORMAT} of version {VERSION}')
        kind, public, secret = str(data["kind"]), str(data["entry"]), data["secret"]
        if "kdf" in secret:
            if passphrase is None:
                raise BadFile(f"{path} is protected by a passphrase, and none was given")
            plain = _decrypt(secret, passphrase(path), join(FORMAT, kind, public))
            if plain is None:
                raise BadFile(f"the passphrase is not that of {path}, or the file was changed")
            secret = json.loads(plain)
        signing = notes.decode(secret["signing"], "the signing key")
        sealing = notes.decode(secret["sealing"], "the sealing key") if "sealing" in secret else b""
    except (ValueError, KeyError, TypeError, AttributeError, BadNote, RecursionError) as error:
        raise _damaged(path, error) from None
    return kind, public, signing, sealing


def _damaged(path: Path, error: Exception) -> BadFile:
    return BadFile(f"{path} is not a key file, or is damaged: {error}")


def _encrypt(plain: bytes, passphrase: str, belongs_to: bytes) -> dict[str, Any]:
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    key = Scrypt(salt, 32, _N, _R, _P).derive(passphrase.encode())
    return {
        "kdf": "scrypt",
        "n": _N,
        "r": _R,
        "p": _P,
        "salt": notes.encode(salt),
        "nonce": notes.encode(nonce),
        "ciphertext": notes.encode(ChaCha20Poly1305(key).encrypt(nonce, plain, belongs_to)),
    }


def _decrypt(secret: dict[str, Any], passphrase: str, belongs_to: bytes) -> bytes | None:
    n, r, p = int(secret["n"]), int(secret["r"]), int(secret["p"])
    if secret["kdf"] != "scrypt" or not (2 <= n <= _LARGEST_N and 1 <= r <= 8 and 1 <= p <= 16):
        raise ValueError("its passphrase is derived in a way that is not known here")
    salt, nonce, ciphertext = (
        notes.decode(secret[name], name) for name in ("salt", "nonce", "ciphertext")
    )
    key = Scrypt(salt, 32, n, r, p).derive(passphrase.encode())
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, belongs_to)
    except InvalidTag:
        return None
