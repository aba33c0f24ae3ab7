"""What a file is, and which paper."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from cmo.errors import PaperRefused
from cmo.ingest import files
from cmo.ingest.identify import detect, paper_key
from cmo.ingest.parse import parse_one
from cmo.model.papers import Format, Metadata

JATS = (
    b'<?xml version="1.0"?>\n<!DOCTYPE article PUBLIC "a>b" "x.dtd" [ <!ENTITY % x ""> ]>\n<!-- <html> -->\n<article>'
)


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.pdf", b"%PDF-1.7\n", Format.PDF),
        ("a.bin", b"junk\n%PDF-1.7\n", Format.PDF),
        ("a.xml", JATS, Format.JATS),
        ("a.nxml", b"\xef\xbb\xbf<article>", Format.JATS),
        ("a.dat", "<?xml version='1.0'?><article>".encode("utf-16"), Format.JATS),
        ("a.xml.gz", gzip.compress(JATS, mtime=0), Format.JATS),
        ("a.xml", b"<pmc-articleset><article>", Format.JATS),
        ("a.MD", b"# Title", Format.MARKDOWN),
        ("a.markdown", b"x < y", Format.MARKDOWN),
        ("a.txt", "5 µM".encode("cp1252"), Format.TEXT),
        ("a.txt.gz", gzip.compress(b"text", mtime=0), Format.TEXT),
        ("a.text", "5 µM".encode("utf-16"), Format.TEXT),
    ],
)
def test_the_content_tells_the_format(tmp_path: Path, name: str, content: bytes, expected: Format) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert detect(path) is expected


@pytest.mark.parametrize(
    ("name", "content", "reason", "word"),
    [
        ("a.docx", zipped("word/document.xml"), "unknown-format", "Word"),
        ("a.xlsx", zipped("xl/workbook.xml"), "unknown-format", "Excel"),
        ("a.zip", zipped("a.txt"), "unknown-format", "ZIP"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "unknown-format", "Office"),
        ("a.html", b"<!DOCTYPE html><p>", "unknown-format", "HTML"),
        ("a.txt", b"\n <html lang='en'>", "unknown-format", "HTML"),
        ("a.xml", b'<?xml version="1.0"?><html xmlns="x">', "unknown-format", "HTML"),
        ("a.xml", b"<TEI>", "unknown-format", "TEI"),
        ("a.xml", b"not xml", "unknown-format", "XML"),
        ("a.png", b"\x89PNG\r\n", "unknown-format", "PNG"),
        ("a.rtf", b"{\\rtf1", "unknown-format", "rich-text"),
        ("a.csv", b"a,b", "unknown-format", "text"),
        ("a", b"\x00\x01\x02", "unknown-format", "binary"),
        ("a.pdf.gz", gzip.compress(b"%PDF-1.7", mtime=0), "unknown-format", "packed PDF"),
        ("a.pdf", b"<html>", "not-a-pdf", "web page"),
        ("a.pdf", b"\x00\x01", "not-a-pdf", "binary"),
        ("a.txt", b"a\0b\0", "bad-encoding", "NUL"),
        ("a.xml.gz", b"\x1f\x8bnot gzip", "truncated", "gzip"),
        ("a.txt", b"", "empty", "empty"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes, reason: str, word: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PaperRefused) as caught:
        detect(path)
    assert caught.value.reason == reason
    assert word in caught.value.detail
    assert caught.value.remedy


def test_a_file_above_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)
    with pytest.raises(PaperRefused) as caught:
        detect(path)
    assert caught.value.reason == "too-large"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    path.chmod(0)
    with pytest.raises(PaperRefused, match="cannot be read"):
        detect(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b"x" * 3_000_000, mtime=0), "too-large"),
        (gzip.compress(os.urandom(3_000_000)), "too-large"),
        (gzip.compress(b"honest text", mtime=0)[:-6], "truncated"),
    ],
    ids=["ratio", "size", "cut off"],
)
def test_unpacking_is_bounded(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(content)
    with pytest.raises(PaperRefused) as caught:
        files.read(path, max_bytes=2_000_000 if b"x" not in content[:1] and reason == "too-large" else files.MAX_BYTES)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Metadata(doi="10.1000/abc"), Metadata(doi="https://doi.org/10.1000/ABC", title="Another")),
        (Metadata(pmid="0123"), Metadata(pmid="123")),
        (
            Metadata("Phenylalanine in phenylketonuria: a study", ("Jané Q. Doe",)),
            Metadata("phenylalanine in Phenylketonuria — A study", ("Doe, Jane Q.", "J. Roe")),
        ),
    ],
)
def test_a_paper_keeps_its_key(one: Metadata, other: Metadata) -> None:
    assert paper_key(one, "aa") == paper_key(other, "bb")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Metadata(doi="10.1000/abc"), Metadata(doi="10.1000/abd")),
        (Metadata("Untitled"), Metadata("Untitled")),
        (Metadata("Supplementary information to the article"), Metadata("Supplementary information to the article")),
        (Metadata("Phenylalanine in phenylketonuria: a study", ("Doe",)), Metadata("Phenylalanine in phenylketonuria: a study", ("Roe",))),
        (Metadata(), Metadata()),
    ],
)  # fmt: skip
def test_two_papers_have_two_keys(one: Metadata, other: Metadata) -> None:
    assert paper_key(one, "aa") != paper_key(other, "bb")


def test_a_key_is_short_hexadecimal() -> None:
    assert len(paper_key(Metadata(), "aa")) == 12
    assert int(paper_key(Metadata(), "aa"), 16) >= 0


@pytest.mark.parametrize(
    "title", ["RETRACTED ARTICLE: Levels in urine", "[Retracted] Levels in urine", "Retraction: Levels"]
)
def test_a_retracted_paper_is_refused(tmp_path: Path, title: str) -> None:
    path = tmp_path / "a.md"
    path.write_text(f'---\ntitle: "{title}"\n---\n\nText.\n')
    with pytest.raises(PaperRefused) as caught:
        parse_one(path)
    assert caught.value.reason == "retracted"


def test_a_paper_about_retraction_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Retraction of the uterus\n\nText.\n")
    assert parse_one(path).format is Format.MARKDOWN
