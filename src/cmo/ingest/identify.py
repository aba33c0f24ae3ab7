"""What kind of file this is, and which paper.

The content decides; the extension only tells Markdown from plain text, and what a broken file was meant to be.
A paper's key stays the same when a corrected file of the same paper arrives, so it rests on the DOI, else the PMID,
else title and first author, and only where none is known on the bytes.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from pathlib import Path

from cmo.errors import PaperRefused
from cmo.ingest import files
from cmo.model.outcomes import Refusal
from cmo.model.papers import Format, Metadata

SNIFF_BYTES = 65_536
PDF_HEADER_WITHIN = 1024
"""Readers accept a PDF header anywhere in so many bytes (PDF 1.7, implementation note 13)."""
TEXT_SUFFIXES = {".md": Format.MARKDOWN, ".markdown": Format.MARKDOWN, ".txt": Format.TEXT, ".text": Format.TEXT}
XML_SUFFIXES = frozenset({".xml", ".nxml"})
_PRINT = "Open it and print or export it to PDF, then add the PDF."
_KNOWN: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office document", _PRINT),
    (b"{\\rtf", "a rich-text document", _PRINT),
    (b"%!PS", "a PostScript file", "Convert it to PDF (for example with ps2pdf), then add the PDF."),
    (b"\x89PNG", "a picture (PNG)", "Run text recognition over it, save the result as PDF, then add the PDF."),
    (b"\xff\xd8\xff", "a picture (JPEG)", "Run text recognition over it, save the result as PDF, then add the PDF."),
    (b"GIF8", "a picture (GIF)", "Run text recognition over it, save the result as PDF, then add the PDF."),
    (b"II*\x00", "a picture (TIFF)", "Run text recognition over it, save the result as PDF, then add the PDF."),
    (b"MM\x00*", "a picture (TIFF)", "Run text recognition over it, save the result as PDF, then add the PDF."),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)", "Unpack it and add the files in it."),
    (b"Rar!", "an archive (RAR)", "Unpack it and add the files in it."),
    (b"BZh", "an archive (bzip2)", "Unpack it and add the file in it."),
    (b"\xfd7zXZ", "an archive (xz)", "Unpack it and add the file in it."),
    (b"\x28\xb5\x2f\xfd", "an archive (zstd)", "Unpack it and add the file in it."),
)
_ZIPPED = ((b"word/", "a Word document"), (b"xl/", "an Excel workbook"), (b"ppt/", "a PowerPoint presentation"))
_ZIP_MIMETYPES = ((b"epub", "an e-book (EPUB)"), (b"opendocument", "an OpenDocument file"))
_SKIP = re.compile(
    r"""\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?:[^\[>"']|"[^"]*"|'[^']*')*(?:\[.*?\]\s*)?>""", re.DOTALL | re.IGNORECASE
)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)[\s/>]")
_HTML = re.compile(r"\s*(?:<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>])", re.IGNORECASE)
_JATS_ROOTS = frozenset({"article", "pmc-articleset", "OAI-PMH"})
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_GENERIC_TITLE = re.compile(
    r"untitled|microsoft word|supplement|supporting|additional file|correction|erratum|corrigendum|editorial"
)
_TITLE_WORDS, _TITLE_CHARS = 4, 20
"""A title shorter than both may well be shared by two papers, and one of them would be lost."""


def detect(path: Path, max_bytes: int = files.MAX_BYTES) -> Format:
    """The format of a file, from its first bytes. Raises `PaperRefused` with what it is and what to do."""
    files.admit(path, max_bytes)
    start, packed = files.head(path, SNIFF_BYTES)
    suffix = _suffix(path)
    if b"%PDF-" in start[:PDF_HEADER_WITHIN]:
        if packed:
            raise _unknown(path, "a packed PDF", "Unpack it (gunzip) and add the PDF.")
        return Format.PDF
    if named := _known(start):
        raise _refused(path, suffix, *named)
    text = _as_text(start)
    if text is None and suffix in TEXT_SUFFIXES:
        detail = f"{path.name} holds NUL bytes: it is UTF-16 without a byte order mark, or not text."
        raise PaperRefused(Refusal.BAD_ENCODING, detail, "Save it again as UTF-8.")
    if text is None:
        raise _refused(path, suffix, "a binary file of an unknown kind", _PRINT)
    if _HTML.match(text) or _root(text).lower() == "html":
        raise _refused(path, suffix, "a web page (HTML)", _PRINT)
    if suffix in XML_SUFFIXES or text.lstrip().startswith(("<?xml", "<!DOCTYPE", "<article", "<pmc-articleset")):
        return _xml(path, text)
    if suffix in TEXT_SUFFIXES:
        return TEXT_SUFFIXES[suffix]
    raise _refused(path, suffix, "text of an unknown kind", "Name it .md or .txt if it is Markdown or plain text.")


def paper_key(metadata: Metadata, sha256: str) -> str:
    """A stable id of 12 hexadecimal digits, the same for every version of a paper."""
    return blake2b(_identity(metadata, sha256).encode(), digest_size=6).hexdigest()


def _identity(metadata: Metadata, sha256: str) -> str:
    if doi := _DOI.search(metadata.doi.lower()):
        return f"doi:{doi.group().rstrip('.,;')}"
    if metadata.pmid.strip().isdigit():
        return f"pmid:{int(metadata.pmid)}"
    title = " ".join(_plain_words(metadata.title))
    if len(title) >= _TITLE_CHARS and title.count(" ") >= _TITLE_WORDS - 1 and not _GENERIC_TITLE.match(title):
        return f"title:{title}|{_family_name(metadata.authors)}"
    return f"sha256:{sha256}"


def _family_name(authors: tuple[str, ...]) -> str:
    """Of the first author, whether printed "Jane Q. Doe" or "Doe, Jane"; initials after the name are left out."""
    first = authors[0] if authors else ""
    words = _plain_words(first.partition(",")[0])
    long = [w for w in words if len(w) > 1] or words
    return long[-1] if long else ""


def _plain_words(text: str) -> list[str]:
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"\w+", bare.casefold())


def _suffix(path: Path) -> str:
    """The extension in lower case, looking through a final .gz."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _known(start: bytes) -> tuple[str, str] | None:
    """Name and remedy of a kind of file that is recognised but not read."""
    if start.startswith(b"PK\x03\x04"):
        for mark, name in (*_ZIP_MIMETYPES, *_ZIPPED):
            if mark in start:
                return name, _PRINT
        return "an archive (ZIP)", "Unpack it and add the files in it."
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "a picture (WebP)", "Run text recognition over it, save the result as PDF, then add the PDF."
    return next(((name, remedy) for magic, name, remedy in _KNOWN if start.startswith(magic)), None)


def _as_text(start: bytes) -> str | None:
    """The first bytes as text, well enough to look at their markup; None for binary."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return start[: len(start) // 2 * 2].decode("utf-16", "replace")
    if b"\0" in start:
        return None
    return start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _root(text: str) -> str:
    at = 0
    while match := _SKIP.match(text, at):
        at = match.end()
    root = _ROOT.match(text, at)
    return root.group(1) if root else ""


def _xml(path: Path, text: str) -> Format:
    root = _root(text)
    if root in _JATS_ROOTS:
        return Format.JATS
    what = f"XML with the root element <{root}>" if root else "not readable as XML"
    raise _unknown(path, what, "Only articles in JATS (the XML of PubMed Central) are read; get that, or the PDF.")


def _refused(path: Path, suffix: str, what: str, remedy: str) -> PaperRefused:
    if suffix == ".pdf":
        detail = f"{path.name} is named .pdf but is {what}."
        return PaperRefused(Refusal.NOT_A_PDF, detail, "Download the PDF itself." if "web page" in what else remedy)
    return _unknown(path, what, remedy)


def _unknown(path: Path, what: str, remedy: str) -> PaperRefused:
    return PaperRefused(Refusal.UNKNOWN_FORMAT, f"{path.name} is {what}, which is not read.", remedy)
