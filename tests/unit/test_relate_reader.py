"""A paper to its reading: what is read together, what is left out, and that it is the same every time."""

import importlib
import re

import pytest

from cmo.model.concepts import Concept, Kind, Mention, Reading, Relation, RelationType
from cmo.model.papers import Format, Page, ParsedPaper, Role, Section, Sentence
from cmo.relate.reader import MOST_EVIDENCE, MOST_SENTENCES, RelationReader, windows

NAMES = {"TMAO": Kind.METABOLITE, "choline": Kind.METABOLITE, "stroke": Kind.DISEASE, "plasma": Kind.SPECIMEN}
STATED = "TMAO levels were higher in patients with stroke than in controls."


class WordLinker:
    """Links the words of `NAMES` to themselves."""

    def link(self, text: str) -> tuple[Mention, ...]:
        found = re.finditer(r"\b(?:" + "|".join(NAMES) + r")\b", text)
        return tuple(Mention(m.start(), m.end(), m.group(), NAMES[m.group()], 1.0) for m in found)

    def concept(self, concept_id: str) -> Concept | None:
        return Concept(concept_id, concept_id, NAMES[concept_id]) if concept_id in NAMES else None


@pytest.fixture(scope="module")
def reader() -> RelationReader:
    return RelationReader(WordLinker(), "names@1")


def paper(*rows: tuple[str, Section, Role]) -> ParsedPaper:
    text, sentences = "", []
    for words, section, role in rows:
        sentences.append(Sentence(len(text), len(text) + len(words), 1, section, "", role, ()))
        text += words + "\n"
    return ParsedPaper(Format.TEXT, text, (Page(1, 600, 800),), tuple(sentences))


def prose(*words: str, section: Section = Section.RESULTS) -> list[tuple[str, Section, Role]]:
    return [(w, section, Role.PROSE) for w in words]


def test_a_relation_stands_in_its_sentence(reader: RelationReader) -> None:
    read = reader.read(paper(*prose("We took plasma.", "Nothing happened.", STATED)))
    (relation,) = (r for r in read.relations if r.subject == "TMAO" and r.object == "stroke")
    assert relation.type is RelationType.INCREASED_IN
    assert relation.sentence == 2
    assert 0 < relation.probability < 1


def test_mentions_are_places_in_the_papers_text(reader: RelationReader) -> None:
    given = paper(("A title on TMAO", Section.TITLE, Role.HEADING), *prose(STATED, "TMAO fell."))
    read = reader.read(given)
    assert [given.text[m.start : m.end] for m in read.mentions] == ["TMAO", "TMAO", "stroke", "TMAO"]


@pytest.mark.parametrize(
    ("section", "role"),
    [
        (Section.REFERENCES, Role.REFERENCE),
        (Section.REFERENCES, Role.PROSE),
        (Section.BACK, Role.PROSE),
        (Section.TITLE, Role.FRONT),
        (Section.RESULTS, Role.HEADING),
    ],
)
def test_what_may_not_be_cited_is_not_read(reader: RelationReader, section: Section, role: Role) -> None:
    read = reader.read(paper((STATED, section, role)))
    assert read == Reading(reader.identity)


def test_a_title_is_read_but_never_evidence(reader: RelationReader) -> None:
    title = ("TMAO causes stroke", Section.TITLE, Role.HEADING)
    abstract = prose("TMAO was raised in stroke.", "TMAO causes stroke.", section=Section.ABSTRACT)
    alone, titled = reader.read(paper(*abstract)), reader.read(paper(title, *abstract))
    assert reader.read(paper(title)).relations == ()
    assert all(r.sentence > 0 for r in titled.relations)
    assert _surest(titled) > _surest(alone)


def test_tables_are_linked_but_not_related(reader: RelationReader) -> None:
    read = reader.read(paper((STATED, Section.RESULTS, Role.TABLE)))
    assert [m.concept for m in read.mentions] == ["TMAO", "stroke"]
    assert read.relations == ()


def test_captions_name_things_and_relate_none(reader: RelationReader) -> None:
    reading = reader.read(paper((STATED, Section.RESULTS, Role.CAPTION)))
    assert reading.mentions
    assert not reading.relations


def test_sections_are_read_apart() -> None:
    given = paper(
        ("Title", Section.TITLE, Role.HEADING),
        *prose("One.", "Two.", section=Section.ABSTRACT),
        ("Methods", Section.METHODS, Role.HEADING),
        *prose("Three.", section=Section.METHODS),
        *prose(*(f"Sentence {n}." for n in range(MOST_SENTENCES + 1)), section=Section.RESULTS),
    )
    assert list(windows(given)) == [[0, 1, 2], [4], list(range(5, 5 + MOST_SENTENCES)), [5 + MOST_SENTENCES]]


def test_at_most_a_few_sentences_bear_out_one_pair(reader: RelationReader) -> None:
    filler = [f"Sentence {n}." for n in range(MOST_SENTENCES - 1)]
    read = reader.read(paper(*prose(*[w for _ in range(MOST_EVIDENCE + 3) for w in (STATED, *filler)])))
    found = [r for r in read.relations if r.subject == "TMAO" and r.object == "stroke"]
    assert len(found) == MOST_EVIDENCE
    assert [r.sentence for r in found] == sorted(r.sentence for r in found)


def test_reading_again_finds_the_same(reader: RelationReader) -> None:
    given = paper(*prose(STATED, "Choline, choline and TMAO cause stroke.", "TMAO is derived from choline."))
    assert reader.read(given) == RelationReader(WordLinker(), "names@1").read(given)


@pytest.mark.parametrize("part", ["cues", "judge", "signs", "patterns"])
def test_the_identity_changes_with_every_file_that_it_reads_by(
    reader: RelationReader, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    source = importlib.import_module(f"cmo.relate.{part}").source()
    monkeypatch.setattr(f"cmo.relate.{part}.source", lambda: source + " ")
    assert RelationReader(WordLinker(), "names@1").identity != reader.identity


def test_the_identity_changes_with_the_vocabulary(reader: RelationReader) -> None:
    assert re.fullmatch(r"cmo@[0-9a-f]{8}", reader.identity)
    assert RelationReader(WordLinker(), "names@1").identity == reader.identity
    assert RelationReader(WordLinker(), "names@2").identity != reader.identity


def test_an_empty_paper_says_nothing(reader: RelationReader) -> None:
    assert reader.read(ParsedPaper(Format.TEXT, "", (), ())) == Reading(reader.identity)


def _surest(reading: Reading) -> float:
    return max(r.probability for r in reading.relations if isinstance(r, Relation))
