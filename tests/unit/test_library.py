"""The starter library: each note says what it rests on, is set as a PDF, and copies no sentence from its source."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pypdfium2
import pytest
import yaml

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "library"
PAPERS = ROOT.parent / "shared" / "data" / "papers"
NOTES = sorted((LIBRARY / "notes").glob("*.md"))
QA_SOURCES = {"10.1186/s12859-019-3119-4", "10.1186/s12859-015-0564-6", "10.18653/v1/D19-1259"}  # see library/README.md
RUN = 12  # words in a row that count as copied
FONTS = Path("/usr/share/fonts/truetype/dejavu/DejaVuSerifCondensed.ttf")

with_papers = pytest.mark.skipif(not PAPERS.exists() and "CI" not in os.environ, reason="the shared papers are absent")  # noqa: TID251 - CI is no setting of ours
each_note = pytest.mark.parametrize("path", NOTES, ids=lambda path: path.stem)


def read(path: Path) -> tuple[dict, str]:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[start : start + RUN]) for start in range(len(found) - RUN + 1)}


@cache
def pdf_text(path: Path) -> str:
    document = pypdfium2.PdfDocument(path)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


@cache
def papers() -> dict[str, Path]:
    """Return the file of each DOI: from the tables of contents, and from what the loose PDFs print."""
    found = {}
    for table in PAPERS.glob("*/INDEX.tsv"):
        with table.open(encoding="utf-8") as rows:
            for row in csv.DictReader(rows, delimiter="\t"):
                name = row.get("file") or f"{row['id']}.xml"
                held = [table.parent / name, table.parent / f"{name}.gz"]
                found[row["doi"]] = next(path for path in held if path.exists())
    for pdf in [*PAPERS.glob("pdf_metabolomics/*.pdf"), *PAPERS.glob("pdf_layout/*.pdf")]:
        if doi := re.search(r"(?i)doi:?\s*(10\.\d{4,9}/[\w./-]*\w)", pdf_text(pdf)):
            found[doi[1]] = pdf
    return found


@cache
def article_runs(path: Path) -> set[tuple[str, ...]]:
    if path.suffix == ".pdf":
        return runs(re.sub(r"[\ufffe\u00ad\x02]\s*|-\s*\n", "", pdf_text(path)))
    stored = path.read_bytes()
    article = ET.fromstring(gzip.decompress(stored) if path.suffix == ".gz" else stored)
    return runs("".join(article.itertext()))


def test_there_is_enough_to_answer_from() -> None:
    assert len(NOTES) >= 24


@each_note
def test_a_note_says_what_it_is(path: Path) -> None:
    meta, body = read(path)
    assert {"title", "authors", "year", "licence", "layout", "rests_on", "topics"} <= meta.keys()
    assert {"title", "doi", "licence", "journal"} <= meta["rests_on"].keys()
    assert meta["licence"] == "CC-BY-4.0"
    assert meta["topics"]
    assert body.strip().startswith("## Summary")
    assert f"doi:{meta['rests_on']['doi']}" in body.partition("## References")[2]


@each_note
def test_a_note_is_short(path: Path) -> None:
    text = read(path)[1].partition("## References")[0]
    assert 450 <= len(text.split()) <= 900


@each_note
def test_each_reference_is_cited_and_each_citation_has_its_reference(path: Path) -> None:
    text, _, references = read(path)[1].partition("## References")
    cited = set(re.findall(r"\[(\d)\]", text)) | set(re.findall(r"reference (\d)", text))
    assert cited == set(re.findall(r"(?m)^(\d)\. ", references))


@with_papers
@each_note
def test_a_note_rests_on_a_paper_we_hold(path: Path) -> None:
    assert read(path)[0]["rests_on"]["doi"] in papers().keys() | QA_SOURCES


@with_papers
@each_note
def test_no_run_of_words_is_copied_from_the_article(path: Path) -> None:
    meta, body = read(path)
    doi = meta["rests_on"]["doi"]
    if doi in QA_SOURCES:
        pytest.skip("rests on answers, not on an article")
    text = body.partition("## References")[0]
    assert not {" ".join(run) for run in runs(text) & article_runs(papers()[doi])}


@each_note
def test_a_note_has_its_pdf_with_its_words(path: Path) -> None:
    meta, body = read(path)
    text = re.sub(r"\s+", "", pdf_text(LIBRARY / "pdf" / f"{path.stem}.pdf"))
    plain = re.sub(r"(?m)^(#+|>|- )|[*|]|-{3,}", " ", body.replace("## Summary", ""))
    assert not [word for word in plain.split() if word not in text]
    assert f"doi:{meta['rests_on']['doi']}" in text


def test_no_pdf_stands_without_its_note() -> None:
    assert {path.stem for path in (LIBRARY / "pdf").iterdir()} == {path.stem for path in NOTES}


def test_several_layouts_are_in_use() -> None:
    assert len({read(path)[0]["layout"] for path in NOTES}) >= 3


def test_tables_are_common() -> None:
    assert sum("\n| " in read(path)[1] for path in NOTES) >= 6


def test_the_readme_lists_every_note() -> None:
    readme = (LIBRARY / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\(notes/(.+?)\.md\).*?\[(10\..+?)\]", readme)
    assert listed == [(path.stem, read(path)[0]["rests_on"]["doi"]) for path in NOTES]


@pytest.mark.skipif(
    not FONTS.exists() or importlib.util.find_spec("reportlab") is None,
    reason="needs reportlab and the DejaVu fonts",
)
def test_rendering_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    slug = "phenylketonuria"
    for run in ("first", "second"):
        command = [sys.executable, LIBRARY / "render.py", slug, "--out", tmp_path / run]
        subprocess.run(command, check=True, timeout=60)
    first, second = ((tmp_path / run / f"{slug}.pdf").read_bytes() for run in ("first", "second"))
    assert first == second
