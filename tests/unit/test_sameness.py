"""When two files are taken for the same paper."""

import pytest

from cmo.model.papers import Metadata
from cmo.store.sameness import same_paper, title_key

TITLE = "Untargeted metabolomic analysis for the clinical screening of inborn errors of metabolism"
DOI = "10.1007/s10545-015-9843-7"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Metadata(title=TITLE, doi=DOI), Metadata(title=TITLE.upper() + ".", doi=DOI)),
        (Metadata(title=TITLE, doi=DOI), Metadata(title="Untargeted metabolomic analysis for the clinical", doi=DOI)),
        (Metadata(title=TITLE, doi=DOI), Metadata(doi=DOI)),
        (Metadata(title=TITLE, pmid="25875217"), Metadata(title=TITLE, pmid="25875217", doi=DOI)),
        (Metadata(title=TITLE), Metadata(title=TITLE, doi=DOI)),
    ],
)
def test_files_of_one_paper_are_known_as_such(one: Metadata, other: Metadata) -> None:
    assert same_paper(one, other)
    assert same_paper(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Metadata(title=TITLE, doi=DOI), Metadata(title="A comment on sampling in newborn screening", doi=DOI)),
        (Metadata(title=TITLE, doi=DOI), Metadata(title=TITLE, doi="10.1101/2014.12.001")),
        (Metadata(title="Editorial"), Metadata(title="Editorial")),
        (Metadata(), Metadata()),
        (Metadata(title=TITLE, pmid="1"), Metadata(title=TITLE, pmid="2")),
    ],
)
def test_different_papers_are_kept_apart(one: Metadata, other: Metadata) -> None:
    assert not same_paper(one, other)
    assert not same_paper(other, one)


def test_a_title_key_heeds_letters_alone() -> None:
    assert title_key(Metadata(title=TITLE)) == title_key(Metadata(title=f"  {TITLE.title()}!? "))
    assert title_key(Metadata(title="Results")) == ""
