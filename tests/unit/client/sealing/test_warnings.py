import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import warnings

IDENTITY = sealed.Identity(
    name="Société Générale de Palme Dorée S.A.R.L.",
    other_names=["Golden Palm Rubber Sdn Bhd", "GPR", "株式会社山田製作所"],
    registration_number="HRB 123456",
    address=sealed.Address(lines=["12 Jalan Ampang"], city="Klang", country="MY"),
    people=[
        sealed.Person(
            name="Zoë Ødegård",
            function="compliance officer",
            email="zoe@mail.golden-palm.example",
            phone="+60 3-3344 5566",
        )
    ],
)


def found(text: str) -> set[str]:
    return {one.word for one in warnings.in_texts(IDENTITY, {"narrative": text})}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("We are Golden Palm Rubber.", "Golden Palm Rubber Sdn Bhd"),
        ("we are GOLDENPALM-RUBBER", "Golden Palm Rubber Sdn Bhd"),
        ("g o l d e n p a l m r u b b e r", "Golden Palm Rubber Sdn Bhd"),
        ("a golden\n  opportunity", "Golden"),
        ("the societe generale de palme doree", "Société Générale de Palme Dorée S.A.R.L."),
        ("DORÉE", "Dorée"),
        (unicodedata.normalize("NFD", "dorée"), "Dorée"),
        ("ask Zoe Odegard", "Zoë Ødegård"),
        ("ask ODEGARD", "Ødegård"),
        ("the GPR line", "GPR"),
        ("hrb123456", "HRB 123456"),
        ("jalan ampang, number 12 Jalan Ampang", "12 Jalan Ampang"),
        ("near klang", "Klang"),
        ("call 03 33445566", "+60 3-3344 5566"),
        ("call 0060333445566", "+60 3-3344 5566"),
        ("write to zoe@mail.golden-palm.example", "zoe@mail.golden-palm.example"),
        ("see golden-palm.example", "golden-palm"),
        ("これは山田製作所の工場です", "株式会社山田製作所"),
    ],
)
def test_words_of_the_identity_are_found(text: str, word: str) -> None:
    assert word in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A rubber plantation; the officer took passports. Ltd, GmbH, Sdn Bhd, SARL and S.A.",
        "The workers of the company are general staff from Malaysia",
        "HRB 1234567x999 and 33 44",
        "fingerprints (gprs) of a palmtree",
        "株式会社の工場",
    ],
)
def test_common_words_and_legal_forms_are_not(text: str) -> None:
    assert found(text) - {"HRB 123456"} == set()


def test_the_warning_says_where_and_what() -> None:
    (one,) = warnings.in_texts(IDENTITY, {"narrative": "Klang"})
    assert one.where == "narrative"
    assert "narrative holds 'Klang'" in str(one)
    assert "custodian" in str(one)


def test_an_empty_identity_warns_of_nothing() -> None:
    assert warnings.in_texts(sealed.Identity(), {"narrative": "anything at all, 1234567"}) == []


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.text(max_size=200))
def test_any_name_and_text_are_taken(name: str, text: str) -> None:
    identity = sealed.Identity(name=name.encode("utf-8", "replace").decode(), other_names=["x"])
    warnings.in_texts(identity, {"narrative": text})


@given(st.sampled_from(["Golden Palm Rubber", "Palme Dorée"]), st.data())
def test_case_accents_and_spaces_do_not_matter(name: str, data: st.DataObject) -> None:
    written = ""
    for letter in name:
        written += letter.upper() if data.draw(st.booleans()) else letter.lower()
        written += data.draw(st.sampled_from(["", " ", "-", "\n"]))
    if data.draw(st.booleans()):
        written = unicodedata.normalize("NFD", written)
    identity = sealed.Identity(name=f"{name} Ltd")
    assert warnings.in_texts(identity, {"narrative": f"by {written}, yes"})


def test_every_text_of_a_message_is_searched() -> None:
    content = sealed.Content(
        narrative="nothing",
        steps=[sealed.Step(description="x"), sealed.Step(description="told Klang")],
        relation=sealed.Relation(description="Golden Palm buys there"),
    )
    where = {one.where for one in warnings.in_message(IDENTITY, content)}
    assert where == {"steps[1].description", "relation.description"}


def in_file(path: Path) -> set[tuple[str, str]]:
    return set(warnings.in_file(IDENTITY, path))


def test_a_files_name_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "audit_goldenpalmrubber_2026.txt"
    path.write_text("nothing")
    assert ("the file's name", "Golden Palm Rubber Sdn Bhd") in in_file(path)


def test_a_pdfs_metadata_are_searched(tmp_path: Path) -> None:
    path = tmp_path / "audit.pdf"
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Author": "Zoë Ødegård", "/Title": "Audit"})
    writer.add_attachment("gpr.txt", b"x")
    writer.write(path)
    places = in_file(path)
    assert ("the PDF's author", "Zoë Ødegård") in places
    assert ("an attachment of the PDF", "GPR") in places


def test_an_office_files_metadata_are_searched(tmp_path: Path) -> None:
    path = tmp_path / "audit.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("docProps/core.xml", "<dc:creator>Z. Ødegård</dc:creator>")
        archive.writestr("docProps/app.xml", "<Company>Golden Palm</Company>" + " " * 10_000)
        archive.writestr("word/comments.xml", '<w:comment w:author="GPR"/>')
        archive.writestr("word/document.xml", "<w:t>Klang</w:t>")
    assert in_file(path) == {
        ("docProps/core.xml", "Ødegård"),
        ("docProps/app.xml", "Golden"),
        ("docProps/app.xml", "Palm"),
        ("docProps/app.xml", "golden-palm"),
        ("word/comments.xml", "GPR"),
    }


def test_names_in_an_archive_are_searched(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("klang/1.jpg", "x")
    assert in_file(path) == {("the archive's list of files", "Klang")}


@pytest.mark.parametrize("text", [b"Golden Palm", "Golden Palm".encode("utf-16-le")])
@pytest.mark.parametrize("at", [20, 3_000_000])
def test_both_ends_of_any_other_file_are_searched(tmp_path: Path, text: bytes, at: int) -> None:
    path = tmp_path / "photo.jpg"
    data = bytearray(b"\xff\xd8\xff\xe1" + b"\1" * 3_000_100)
    data[at : at + len(text)] = text
    path.write_bytes(bytes(data))
    where = "the beginning of the file" if at == 20 else "the end of the file"
    assert (where, "Golden") in in_file(path)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([b"%PDF-1.7\n", b"PK\3\4", b"PK\5\6", b""]), st.binary(max_size=400))
def test_a_damaged_file_is_searched_as_far_as_it_goes(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x"
    path.write_bytes(head + rest + b" Klang ")
    words = {one.word for one in warnings.in_file(IDENTITY, path)}
    assert "Klang" in words or head == b"PK\5\6"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        warnings.in_file(IDENTITY, tmp_path / "gone")
