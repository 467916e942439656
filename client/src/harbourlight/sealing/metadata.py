"""What a file says about itself, beside its content: author, company, program, place.

PDF through `pypdf`; Office and OpenDocument files are zip archives whose metadata are small XML
files of known names. Pictures, films, sound and the older Office formats keep theirs as plain text
near the beginning or the end (EXIF, XMP, IPTC, ID3, moov, summary information), so both ends are
searched for text as ASCII, UTF-8 and UTF-16. Everything is bounded: a file may be large or hostile.
"""

import contextlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_END_BYTES = 512 * 1024
"""How much of each end is searched."""
_MOST_XML_BYTES = 1024 * 1024
_MOST_MEMBERS = 64
_MOST_TEXT = 64 * 1024
_ARCHIVE_METADATA = re.compile(
    r"docProps/.*\.xml|meta\.xml|(word|xl|ppt)/(comments|persons|commentAuthors|authors)[^/]*\.xml"
    r"|(xl/persons|ppt/comments|xl/threadedComments)/[^/]*\.xml"
)
_ASCII = re.compile(rb"[\x20-\x7e\xa0-\xff]{4,}")
_UTF16 = re.compile(rb"(?:[\x20-\xff]\x00){4,}|(?:\x00[\x20-\xff]){4,}")


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Parts of the metadata by their name. Raises OSError where the file cannot be read."""
    with path.open("rb") as file:
        if file.read(1024).find(b"%PDF-") >= 0:
            yield from _pdf(file)
        file.seek(0)
        if zipfile.is_zipfile(file):
            yield from _archive(file)
            return
        yield from _ends(file)


def _pdf(file: BinaryIO) -> Iterator[tuple[str, str]]:
    # Here, because most commands read no PDF.
    from pypdf import PdfReader

    # A damaged or hostile PDF can fail in any way; its ends are searched in any case.
    with contextlib.suppress(Exception):
        reader = PdfReader(file, strict=False)
        for key, value in (reader.metadata or {}).items():
            yield f"the PDF's {str(key).strip('/').lower()}", str(value)[:_MOST_TEXT]
        for name in reader.attachments:
            yield "an attachment of the PDF", str(name)
        if reader.xmp_metadata is not None:
            data = reader.xmp_metadata.stream.get_data()[:_MOST_XML_BYTES]
            yield "the PDF's XMP", data.decode("utf-8", "replace")


def _archive(file: BinaryIO) -> Iterator[tuple[str, str]]:
    # As above: it may be damaged, encrypted, or packed in a way that is not known here.
    with contextlib.suppress(Exception), zipfile.ZipFile(file) as archive:
        yield "the archive's comment", archive.comment.decode("utf-8", "replace")
        names = [one for one in archive.namelist() if _ARCHIVE_METADATA.fullmatch(one)]
        for name in names[:_MOST_MEMBERS]:
            with archive.open(name) as member:
                text = member.read(_MOST_XML_BYTES).decode("utf-8", "replace")
            # Attributes name authors too, so tags are kept and only entities resolved.
            yield name, re.sub(r"&(amp|lt|gt|quot|apos);", " ", text)
        if not names:
            yield "the archive's list of files", "\n".join(archive.namelist())[:_MOST_XML_BYTES]


def _ends(file: BinaryIO) -> Iterator[tuple[str, str]]:
    file.seek(0)
    yield "the beginning of the file", _strings(file.read(_END_BYTES))
    file.seek(0, 2)
    if file.tell() > _END_BYTES:
        file.seek(max(_END_BYTES, file.tell() - _END_BYTES))
        yield "the end of the file", _strings(file.read(_END_BYTES))


def _strings(data: bytes) -> str:
    plain = (one.group().decode("utf-8", "replace") for one in _ASCII.finditer(data))
    wide = (one.group().replace(b"\0", b"").decode("latin-1") for one in _UTF16.finditer(data))
    return "\n".join((*plain, *wide))
