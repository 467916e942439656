"""Looks for marked strings in everything that an installation leaves behind.

Every canary begins with one mark, so that a search for the mark alone, in each writing of it, finds
all of them; the bytes around a find say which one it was.
"""

import base64
import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

MARK = "zqCanaryWvx7"
"""Nothing else has it in any writing: not a word, and no run of it is likely by chance."""

_CONTEXT = 60


def canary(field: str) -> str:
    """A string for one field that is found wherever it goes."""
    return f"{MARK}-{field}"


def writings(mark: str = MARK) -> dict[str, bytes]:
    """The mark as it looks in each encoding that hides it from a plain search."""
    plain = mark.encode()
    found = {
        "UTF-8": plain,
        "UTF-16LE": mark.encode("utf-16-le"),
        "UTF-16BE": mark.encode("utf-16-be"),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        # Letters may have changed case on the way, as host names and headers do.
        "lower case": mark.lower().encode(),
        "upper case": mark.upper().encode(),
    }
    for shift in range(3):
        # The first and last characters depend on what stands beside it: leave them out.
        encoded = base64.b64encode(b"\0" * shift + plain)
        begin = 4 if shift else 0
        end = len(encoded) - 4
        found[f"base64+{shift}"] = encoded[begin:end]
        found[f"URL-safe base64+{shift}"] = encoded[begin:end].translate(
            bytes.maketrans(b"+/", b"-_")
        )
    return found


_WRITINGS = writings()


@dataclass(frozen=True)
class Find:
    """A canary where none may be."""

    place: str
    writing: str
    around: bytes

    def __str__(self) -> str:
        return f"{self.place}: {self.writing}: {self.around!r}"


def in_bytes(place: str, data: "bytes | mmap.mmap") -> Iterator[Find]:
    """The first find of each writing in some bytes."""
    for name, pattern in _WRITINGS.items():
        at = data.find(pattern)
        if at >= 0:
            around = bytes(data[max(0, at - _CONTEXT) : at + len(pattern) + _CONTEXT])
            yield Find(place, name, around)


def in_folder(folder: Path) -> Iterator[Find]:
    """Finds in the names and contents of all files below a folder."""
    for path in sorted(folder.rglob("*")):
        yield from in_bytes(f"name of {path}", os.fsencode(path.name))
        try:
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                for part in _written(file.fileno()):
                    yield from in_bytes(str(path), part)
        except FileNotFoundError:
            # A running server removes files as it goes.
            continue


def _written(descriptor: int) -> Iterator[mmap.mmap]:
    """The parts of a file that were ever written: brokers make theirs long and empty."""
    end = os.fstat(descriptor).st_size
    start = 0
    while start < end:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError:
            return
        hole = os.lseek(descriptor, start, os.SEEK_HOLE)
        # A canary that crosses a hole would be cut by it: holes are zeros.
        begin = start - start % mmap.ALLOCATIONGRANULARITY
        length = min(hole, os.fstat(descriptor).st_size) - begin
        if length > 0:
            with mmap.mmap(descriptor, length, access=mmap.ACCESS_READ, offset=begin) as part:
                yield part
        start = hole


async def in_database(url: str) -> list[Find]:
    """Finds in every row of every table, which compression would hide in the files."""
    found: list[Find] = []
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, relname FROM pg_stat_user_tables UNION"
            " SELECT 'pg_catalog', 'pg_stat_activity'"
        )
        for table in tables:
            name = f'"{table["schemaname"]}"."{table["relname"]}"'
            async with connection.transaction(readonly=True):
                # As text a bytea is hexadecimal, so a string in it shows as hex.
                async for row in connection.cursor(f"SELECT t::text AS line FROM {name} t"):
                    found += in_bytes(f"table {name}", (row["line"] or "").encode())
    finally:
        await connection.close()
    return found


def in_records(records: Iterable[object]) -> Iterator[Find]:
    """Finds in keys, values and headers of Kafka records, which batches may compress."""
    for record in records:
        topic = getattr(record, "topic", "")
        headers = b"\n".join(
            name.encode() + b"=" + (value or b"") for name, value in getattr(record, "headers", [])
        )
        for part in ("key", "value"):
            yield from in_bytes(f"{part} in {topic}", getattr(record, part) or b"")
        yield from in_bytes(f"headers in {topic}", headers)


def in_processes(pids: Iterable[int]) -> Iterator[Find]:
    """Finds in command lines and environments."""
    for pid in pids:
        for what in ("cmdline", "environ"):
            try:
                yield from in_bytes(f"{what} of {pid}", Path(f"/proc/{pid}/{what}").read_bytes())
            except (FileNotFoundError, ProcessLookupError):
                continue
