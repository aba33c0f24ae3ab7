"""The journal and year of a first page."""

import pytest

from cmo.ingest.pdf import masthead


@pytest.mark.parametrize(
    ("line", "journal", "year"),
    [
        ("J Clin Exp Dent. 2016;8(3):e230-5. Antimicrobial efficacy of three extracts", "J Clin Exp Dent", 2016),
        ("Original Article J. Clin. Biochem. Nutr., 46, 52–59, January 2010", "J. Clin. Biochem. Nutr", 2010),
        ("Iranian Journal of Reproductive Medicine Vol.9. No.3. pp: 177-186, Summer 2011",
         "Iranian Journal of Reproductive Medicine", 2011),
        ("BMC Systems Biology 2010, 4:121", "BMC Systems Biology", 2010),
        ("J Inherit Metab Dis (2015) 38:1029–1039", "J Inherit Metab Dis", 2015),
        ("Frontiers in Microbiology | www.frontiersin.org 1 May 2018 | Volume 9", "Frontiers in Microbiology", 2018),
        ("Molecules 2017, 22, 1763; doi:10.3390/molecules22111763", "Molecules", 2017),
        ("Bioinformation 13(3): 67-72 (2017)", "Bioinformation", 2017),
    ],
)  # fmt: skip
def test_a_citation_line_names_journal_and_year(line: str, journal: str, year: int) -> None:
    assert masthead.read(["RESEARCH", line]) == masthead.Masthead(journal, year)


def test_the_journal_may_stand_above_its_volume() -> None:
    lines = ["Hindawi", "Journal of Diabetes Research", "Volume 2016, Article ID 8943092, 4 pages"]
    assert masthead.read(lines) == masthead.Masthead("Journal of Diabetes Research", 2016)


@pytest.mark.parametrize(
    "line",
    [
        "Received 16 June 2015; Revised 24 July 2015; Accepted 28 July 2015",
        "Copyright 2016, 12 authors hold it",
        "Department of Medicine, University of Somewhere, 12, 34-36 Street",
        "ONE 9(12): e115884",
        "the patients of 2016, 12 of them women, were asked",
        "Citation: Iskandar DT (2014) A novel reproductive mode. PLoS",
    ],
)
def test_other_lines_name_none(line: str) -> None:
    assert masthead.read([line]) == masthead.Masthead()
