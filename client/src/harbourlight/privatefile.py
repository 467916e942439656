"""Files that are their owner's alone: mode 600, written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from harbourlight.errors import BadFile

MOST_BYTES = 4 * 1024 * 1024


def read_private(path: Path, what: str) -> str:
    """The text of a file that nobody else can read.

    `what` says what it holds. Raises FileNotFoundError, and BadFile where it cannot be read, is
    too long, or can be read or changed by others.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            data = file.read(MOST_BYTES + 1)
        text = data.decode()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"cannot read {path}: {error}") from error
    if len(data) > MOST_BYTES:
        raise BadFile(f"{path} is longer than {MOST_BYTES} bytes")
    if os.name == "posix" and mode & 0o077:
        raise BadFile(
            f"{path} can be read or changed by others (mode {mode:o}), and it holds {what}; "
            f"run: chmod 600 {path}"
        )
    return text


def write_private(path: Path, content: str | bytes, *, replace: bool = False) -> None:
    """Writes a file of mode 600, all of it or nothing, and on disk when this returns.

    Raises FileExistsError where it exists and `replace` is not set, OSError where it fails.
    """
    with private_temporary(path, replace=replace) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def private_temporary(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """A file of mode 600 that takes this path, on disk, once the block ends without an error.

    Raises FileExistsError where it exists and `replace` is not set, OSError where it fails.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
