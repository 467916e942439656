"""Files that hold secrets."""

import os
from pathlib import Path


def write_private(path: Path, content: str, mode: int = 0o600) -> Path:
    """Writes a file that only the owner can read (or who `mode` says), whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w") as file:
        file.write(content)
    partial.replace(path)
    return path
