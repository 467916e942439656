"""The keys that a command is given, and what this client saw of the directory before."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from harbourlight.endpoints import Endpoints
from harbourlight.errors import BadFile
from harbourlight.keys.files import KeyRing
from harbourlight.keys.memory import DEFAULT, Memory


@dataclass(frozen=True)
class Held:
    """What the options for keys came to."""

    files: tuple[Path, ...]
    seen: Path

    def load(self, endpoints: Endpoints, role: str) -> tuple[KeyRing, Memory]:
        """The keys, else those that the endpoints name for the role. Raises BadFile."""
        files = self.files or tuple(endpoints.keys.get(role, ()))
        return KeyRing.load(files, _ask), Memory.load(self.seen, endpoints.origin)


def _ask(path: Path) -> str:
    if not sys.stdin.isatty():
        raise BadFile(f"{path} is protected by a passphrase: run this on a terminal to be asked")
    return str(typer.prompt(f"Passphrase of {path}", hide_input=True, err=True))


def held(
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            envvar="HARBOURLIGHT_KEYS",
            help="File of a key of yours, or a folder of them, again for each; "
            "else those that the endpoints name.",
        ),
    ] = None,
    seen: Annotated[
        Path,
        typer.Option(
            "--seen",
            envvar="HARBOURLIGHT_SEEN",
            help="What this client saw of the key directory before.",
        ),
    ] = DEFAULT,
) -> Held:
    """The parameters become options of the command."""
    return Held(tuple(key or ()), seen)
