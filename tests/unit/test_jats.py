"""What an article in JATS becomes."""

import csv
import gzip
from pathlib import Path

import pytest

from cmo.errors import PaperRefused
from cmo.ingest.jats import JatsParser
from cmo.ingest.sections import section_named
from cmo.model.papers import CITABLE, ParsedPaper, Role, Section

DATA = Path(__file__).parents[3] / "shared" / "data" / "papers"
HEAD = (
    '<?xml version="1.0"?><!DOCTYPE article PUBLIC "-//NLM//DTD JATS 1.0//EN" "JATS-archivearticle1.dtd">'
    '<article xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML">'
)
FRONT = """<front><journal-meta><journal-title-group><journal-title>J. Metab.</journal-title></journal-title-group>
</journal-meta><article-meta><article-id pub-id-type="pmid">123</article-id>
<article-id pub-id-type="doi">https://doi.org/10.1/ABC</article-id>
<title-group><article-title>Raised <italic>phenylalanine</italic> in PKU</article-title></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Doe</surname><given-names>Jane Q.</given-names></name>
</contrib><contrib contrib-type="editor"><name><surname>Roe</surname></name></contrib>
<contrib contrib-type="author"><collab>The PKU Group<contrib-group><contrib><name><surname>X</surname></name></contrib>
</contrib-group></collab></contrib></contrib-group>
<pub-date pub-type="epub"><year>2018</year></pub-date><pub-date pub-type="ppub"><year>2019</year></pub-date>
<permissions><license xlink:href="http://creativecommons.org/licenses/by/4.0/"><license-p>Open.</license-p></license>
</permissions><abstract><sec><title>Methods:</title><p>We measured.</p></sec></abstract></article-meta></front>"""


def article(tmp_path: Path, body: str, back: str = "", front: str = FRONT) -> ParsedPaper:
    path = tmp_path / "a.xml"
    path.write_text(f"{HEAD}{front}<body>{body}</body><back>{back}</back></article>", encoding="utf-8")
    return JatsParser().parse(path)


def prose(tmp_path: Path, markup: str) -> str:
    """How a paragraph of markup reads."""
    paper = article(tmp_path, f"<p>{markup}</p>")
    block = [s for s in paper.sentences if s.section is Section.OTHER]
    return paper.text[block[0].start : block[-1].end]


def lines(paper: ParsedPaper, role: Role) -> list[tuple[str, Section, str]]:
    return [(paper.text[s.start : s.end], s.section, s.heading) for s in paper.sentences if s.role is role]


def test_the_front_gives_the_facts(tmp_path: Path) -> None:
    facts = article(tmp_path, "<p>Text.</p>").metadata
    assert facts.title == "Raised phenylalanine in PKU"
    assert facts.authors == ("Jane Q. Doe", "The PKU Group")
    assert (facts.doi, facts.pmid, facts.year, facts.journal) == ("10.1/abc", "123", 2019, "J. Metab.")
    assert facts.licence == "CC-BY-4.0"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("CO<sub>2</sub> and Ca<sup>2+</sup>.", "CO2 and Ca2+."),
        ("at 10<sup>−3</sup> M or 10<sup>6</sup> cells/m<sup>2</sup>.", "at 10^−3 M or 10^6 cells/m2."),
        ("<sup>13</sup>C and the 5<sup>th</sup>.", "13C and the 5th."),
        (
            'in mice<sup><xref ref-type="bibr" rid="r">1</xref>,<xref ref-type="bibr" rid="s">2</xref></sup>.',
            "in mice [1,2].",
        ),
        ('in mice<xref ref-type="bibr" rid="r"><sup>1</sup></xref>.', "in mice [1]."),
        ('in mice [<xref ref-type="bibr" rid="r">1</xref>–<xref ref-type="bibr" rid="s">3</xref>].', "in mice [1–3]."),
        ('in mice <xref ref-type="bibr" rid="r">12</xref>.', "in mice [12]."),
        ('shown (<xref ref-type="bibr" rid="r">Doe, 2019</xref>).', "shown (Doe, 2019)."),
        ("5&#xa0;µM\n   of α-<bold>keto</bold>\u00adacid\u200b.", "5 µM of α-ketoacid."),
        ("undefined &alpha; is known.", "undefined α is known."),
        (
            (
                "<inline-formula><alternatives><mml:math><mml:mfrac><mml:mi>a</mml:mi><mml:mi>b</mml:mi></mml:mfrac></mml:math>"
                "<tex-math>junk</tex-math></alternatives></inline-formula> is a ratio."
            ),
            "a/b is a ratio.",
        ),
        (
            r"<tex-math>\documentclass{x}\begin{document}$$\alpha_1$$\end{document}</tex-math> is a constant.",
            r"\alpha_1 is a constant.",
        ),
    ],
)
def test_inline_markup_reads_as_printed(tmp_path: Path, markup: str, text: str) -> None:
    assert prose(tmp_path, markup) == text


def test_sections_come_from_titles_types_and_parents(tmp_path: Path) -> None:
    paper = article(
        tmp_path,
        "<sec><title>2. Materials and Methods</title><sec><title>Results of sampling</title><p>In methods.</p></sec></sec>"
        '<sec sec-type="intro"><title>PKU</title><p>In introduction.</p></sec>'
        '<sec sec-type="discussion"><p>In discussion.</p></sec>',
        "<ack><p>Thanks.</p></ack><fn-group><fn><p>No conflict.</p></fn></fn-group>",
    )
    assert lines(paper, Role.PROSE) == [
        ("We measured.", Section.ABSTRACT, "Methods:"),
        ("In methods.", Section.METHODS, "Results of sampling"),
        ("In introduction.", Section.INTRODUCTION, "PKU"),
        ("In discussion.", Section.DISCUSSION, "PKU"),
        ("Thanks.", Section.BACK, "Acknowledgements"),
        ("No conflict.", Section.BACK, "Notes"),
    ]


def test_figures_and_tables_stand_after_the_paragraph(tmp_path: Path) -> None:
    paper = article(
        tmp_path,
        "<p>Before <fig><label>Fig. 1</label><caption><title>Mice</title><p>Grey ones.</p></caption></fig>after.</p>"
        "<table-wrap><label>Table 1</label><caption><p>Levels.</p></caption><table>"
        '<tr><th rowspan="2">PKU</th><th colspan="2">µM</th></tr><tr><td>1<sup>a</sup></td><td>2</td></tr></table>'
        "<table-wrap-foot><fn><label>a</label><p>Mean.</p></fn></table-wrap-foot></table-wrap>",
    )
    shown = [(s.role, paper.text[s.start : s.end]) for s in paper.sentences if s.section is Section.OTHER]
    assert shown == [
        (Role.PROSE, "Before after."),
        (Role.CAPTION, "Fig. 1. Mice."),
        (Role.CAPTION, "Grey ones."),
        (Role.CAPTION, "Table 1. Levels."),
        (Role.TABLE, "PKU | µM"),
        (Role.TABLE, "PKU | 1 [a] | 2"),
        (Role.TABLE, "a Mean."),
    ]


def test_a_float_at_the_end_moves_to_where_it_is_first_cited(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        f'{HEAD}<body><sec><title>Results</title><p>See <xref ref-type="fig" rid="f1">Figure 1</xref>.</p>'
        "<p>Then.</p></sec></body><floats-group><fig id='f1'><caption><p>Mice.</p></caption></fig></floats-group></article>"
    )
    paper = JatsParser().parse(path)
    assert paper.text == "Results\n\nSee Figure 1.\n\nMice.\n\nThen."


def test_a_list_divides_its_paragraph(tmp_path: Path) -> None:
    paper = article(tmp_path, "<p>Two: <list><list-item><label>1.</label><p>One.</p></list-item></list> End.</p>")
    assert [text for text, *_ in lines(paper, Role.PROSE)][1:] == ["Two:", "1. One.", "End."]


@pytest.mark.parametrize(
    ("citation", "text"),
    [
        ("<mixed-citation><name><surname>Doe</surname> <given-names>J</given-names></name>. Title.</mixed-citation>", "1 Doe J. Title."),
        (
            ("<element-citation><person-group><name><surname>Doe</surname><given-names>J</given-names></name></person-group>"
            "<article-title>Title</article-title><source>Cell</source><year>2019</year><volume>3</volume><fpage>1</fpage>"
            '<lpage>9</lpage><pub-id pub-id-type="doi">10.1/x</pub-id></element-citation>'),
            "1 Doe J. Title. Cell 2019;3:1–9. 10.1/x.",
        ),
    ],
)  # fmt: skip
def test_references_are_text_that_is_never_cited(tmp_path: Path, citation: str, text: str) -> None:
    paper = article(tmp_path, "<p>Text.</p>", f"<ref-list><ref><label>1</label>{citation}</ref></ref-list>")
    assert lines(paper, Role.REFERENCE) == [(text, Section.REFERENCES, "References")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><article>&y;</article>', "unreadable"),
        (b"<article>" + b"<sec>" * 300 + b"</sec>" * 300 + b"</article>", "unreadable"),
        (b"<article><body><p>cut off", "unreadable"),
        (b"<article/>", "too-short"),
        (b"<pmc-articleset><article/><article/></pmc-articleset>", "unknown-format"),
    ],
)
def test_broken_and_hostile_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    with pytest.raises(PaperRefused) as caught:
        JatsParser().parse(path)
    assert caught.value.reason == reason
    assert path.name in caught.value.detail


def test_an_external_entity_is_not_fetched(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        '<!DOCTYPE article [<!ENTITY e SYSTEM "file:///etc/passwd">]><article><body><p>A &e; b.</p></body></article>'
    )
    assert JatsParser().parse(path).text == "A b."


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("2.1. Materials and Methods", Section.METHODS),
        ("materials|methods", Section.METHODS),
        ("Patients and methods", Section.METHODS),
        ("IV. RESULTS", Section.RESULTS),
        ("Results and Discussion", Section.RESULTS),
        ("Conclusions", Section.CONCLUSION),
        ("Background", Section.INTRODUCTION),
        ("Authors' contributions", Section.BACK),
        ("Data availability", Section.BACK),
        ("Literature Cited", Section.REFERENCES),
        ("Resulting changes", None),
        ("Biosynthesis", None),
    ],
)
def test_headings_name_sections(heading: str, section: Section | None) -> None:
    assert section_named(heading) is section


@pytest.mark.skipif(not DATA.exists(), reason="the shared data is not here")
@pytest.mark.parametrize("folder", ["jats_metabolomics", "jats_distractors", "pdf_jats_pairs"])
def test_real_articles_are_read_whole(folder: str) -> None:
    with (DATA / folder / "INDEX.tsv").open() as file:
        known = {
            (r.get("file") or f"{r['id']}.xml").removesuffix(".gz"): r for r in csv.DictReader(file, delimiter="\t")
        }
    for path in sorted((DATA / folder).glob("*.xml*")):
        paper, facts = JatsParser().parse(path), known[path.name.removesuffix(".gz")]
        assert (paper.metadata.title, paper.metadata.doi) == (facts["title"], facts["doi"].lower())
        assert paper.metadata.journal == facts["journal"]
        assert paper.metadata.authors
        assert paper.metadata.licence.startswith("CC")
        assert sum(s.role in CITABLE for s in paper.sentences) > 40
        assert sum(s.role is Role.REFERENCE for s in paper.sentences) > 5
        ends = [0, *(s.end for s in paper.sentences)]
        assert all(end <= s.start < s.end for end, s in zip(ends, paper.sentences, strict=False))
        assert all(s.boxes and s.page == s.boxes[0].page for s in paper.sentences)


def test_a_packed_file_reads_like_the_plain_one(tmp_path: Path) -> None:
    plain = article(tmp_path, "<p>Text.</p>")
    packed = tmp_path / "a.xml.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.xml").read_bytes()))
    assert JatsParser().parse(packed) == plain
