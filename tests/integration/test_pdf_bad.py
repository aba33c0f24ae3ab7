"""Every file of a collection of broken, locked, scanned and odd PDFs has a known outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmo.errors import PaperRefused
from cmo.ingest.pdf import Limits, PdfParser
from cmo.model.outcomes import Refusal

FOLDER = Path(__file__).resolve().parents[2] / "../shared/data/papers/pdf_bad"
ACCEPTED = "accepted"

OUTCOMES = {
    "made_html_named_pdf": Refusal.NOT_A_PDF,
    "made_random_bytes": Refusal.NOT_A_PDF,
    "made_zero_bytes": Refusal.EMPTY,
    "ocrmypdf_cardinal": Refusal.NO_TEXT_LAYER,
    "ocrmypdf_ccitt": Refusal.NO_TEXT_LAYER,
    "ocrmypdf_invalid": Refusal.UNREADABLE,
    "ocrmypdf_jbig2": Refusal.NO_TEXT_LAYER,
    "ocrmypdf_no_contents": Refusal.NO_TEXT_LAYER,
    "ocrmypdf_rotated_skew": Refusal.NO_TEXT_LAYER,
    "ocrmypdf_skew": Refusal.NO_TEXT_LAYER,
    "ocrmypdf_truetype_font_nomapping": Refusal.UNMAPPED_FONTS,
    "ocrmypdf_type3_font_nomapping": Refusal.UNMAPPED_FONTS,
    "pdfjs_empty": Refusal.NO_TEXT_LAYER,
    "pdfjs_encrypted-attachment": Refusal.TOO_SHORT,
    "pdfjs_helloworld-bad": Refusal.TOO_SHORT,
    "pdfjs_pdfjsbad1586": Refusal.TOO_SHORT,
    "pdfminer_aes-256-r6": Refusal.ENCRYPTED,
    "pdfminer_encrypted_doc_no_id": Refusal.NO_TEXT_LAYER,
    "pdfminer_rc4-40": Refusal.ENCRYPTED,
    "pdfminer_zen_of_python_corrupted": ACCEPTED,
    "pypdf_imagemagick-CCITTFaxDecode": Refusal.NO_TEXT_LAYER,
    "pypdf_libreoffice-writer-password": Refusal.ENCRYPTED,
    "pypdf_r3-user-password": Refusal.ENCRYPTED,
    "pypdf_r6-empty-password": ACCEPTED,
    "pypdf_side-by-side-subfig": ACCEPTED,
    "pypdfsample_cmyk-image": Refusal.NO_TEXT_LAYER,
    "pypdfsample_grayscale-image": Refusal.NO_TEXT_LAYER,
    "pypdfsample_habibi": Refusal.TOO_SHORT,
    "pypdfsample_libre-office-link": ACCEPTED,
    "pypdfsample_multicolumn": ACCEPTED,
    "pypdfsample_pdflatex-4-pages": ACCEPTED,
    "pypdfsample_with-attachment": ACCEPTED,
    "unstructured_copy-protected": ACCEPTED,
    "unstructured_layout-parser-paper-with-empty-pages": ACCEPTED,
    "unstructured_multi-column-2p": ACCEPTED,
    "unstructured_password": Refusal.ENCRYPTED,
    "unstructured_pdf-with-ocr-text": Refusal.GARBLED,
    "unstructured_table-multi-row-column-cells": Refusal.NO_TEXT_LAYER,
}

needs_files = pytest.mark.skipif(not FOLDER.exists(), reason="the collection of bad PDFs is not here")


def outcome(path, limits=None):
    try:
        PdfParser(limits).parse(path)
    except PaperRefused as refused:
        return refused.reason if refused.detail and refused.remedy else "refused without detail or remedy"
    return ACCEPTED


@needs_files
def test_the_table_names_every_file():
    assert {path.stem for path in FOLDER.glob("*.pdf")} == set(OUTCOMES)


@needs_files
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_bad_file_is_refused_for_its_own_reason_and_a_readable_one_is_read(name):
    assert outcome(FOLDER / f"{name}.pdf") == OUTCOMES[name]


@needs_files
def test_a_document_with_more_pages_than_allowed_is_refused():
    path = FOLDER / "pypdfsample_pdflatex-4-pages.pdf"
    assert outcome(path, Limits(pages=3)) == Refusal.TOO_MANY_PAGES
    assert outcome(path, Limits(pages=4)) == ACCEPTED


@needs_files
def test_a_page_is_read_no_further_than_its_limit():
    path = FOLDER / "pypdfsample_pdflatex-4-pages.pdf"
    short = PdfParser(Limits(page_characters=200)).parse(path)
    assert len(short.text) < 1000 < len(PdfParser().parse(path).text)


@needs_files
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused_or_read_but_never_crashes(tmp_path, share):
    whole = (FOLDER / "unstructured_multi-column-2p.pdf").read_bytes()
    path = tmp_path / "cut.pdf"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert outcome(path) in {Refusal.TRUNCATED, Refusal.NO_TEXT_LAYER, Refusal.UNREADABLE, ACCEPTED}


def test_an_archive_named_pdf_is_called_an_archive(tmp_path):
    path = tmp_path / "paper.pdf"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(PaperRefused, match="ZIP archive") as refused:
        PdfParser().parse(path)
    assert refused.value.reason == Refusal.NOT_A_PDF


def test_a_page_tree_that_contains_itself_is_refused_at_once(tmp_path):
    path = tmp_path / "loop.pdf"
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2000000000>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )
    assert outcome(path) in {Refusal.TOO_MANY_PAGES, Refusal.UNREADABLE, Refusal.NO_TEXT_LAYER}
