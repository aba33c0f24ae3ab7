"""Whatever the text: spans lie in it, in order, apart; and a name is found wherever it stands."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.abbreviations import abbreviations
from cmo.vocabulary.compile import compile_vocabulary
from cmo.vocabulary.linker import DictionaryLinker, windows
from cmo.vocabulary.names import form
from cmo.vocabulary.tagger import shipped
from cmo.vocabulary.units import quantities

CONCEPTS = (
    Concept("CHEBI:1", "γ-aminobutyric acid", Kind.METABOLITE, ("GABA", "4-aminobutyrate")),
    Concept("CHEBI:2", "(+)-catechin", Kind.METABOLITE),
    Concept("CHEBI:3", "Ca2+", Kind.METABOLITE, ("calcium(2+)",)),
    Concept("DOID:1", "type 2 diabetes mellitus", Kind.DISEASE, ("T2DM", "<b>sugar</b> disease")),
    Concept("HGNC:1", "IL6", Kind.GENE, ("interleukin 6", "'; DROP TABLE x; --")),
    Concept("CMO:1", "is", Kind.OTHER),
    Concept("CMO:2", "بول", Kind.SPECIMEN, ("\u202eabc\u202c", "")),
)
NAMES = [name for concept in CONCEPTS for name in (concept.name, *concept.synonyms) if form(name)]
PIECES = st.lists(
    st.one_of(st.text(max_size=20), st.sampled_from([*NAMES, " (", ") ", ". ", "-", " ", "\n\n", "TMA (", "α", "µM"])),
    max_size=30,
)


@pytest.fixture(scope="module", params=["dictionary", "tagger"])
def linker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DictionaryLinker:
    folder: Path = tmp_path_factory.mktemp("vocabulary") / "compiled"
    vocabulary = compile_vocabulary(CONCEPTS, folder)
    return DictionaryLinker(vocabulary, shipped() if request.param == "tagger" else None)


@given(pieces=PIECES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mentions_lie_in_the_text_in_order_and_apart(linker: DictionaryLinker, pieces: list[str]) -> None:
    text = "".join(pieces)
    for mentions in (linker.link(text), linker.link_question(text)):
        reached = 0
        for mention in mentions:
            assert reached <= mention.start < mention.end <= len(text)
            assert 0 <= mention.confidence <= 1
            concept = linker.concept(mention.concept)
            assert concept
            assert (concept.id, concept.kind) == (mention.concept, mention.kind)
            reached = mention.end
    assert linker.link(text) == linker.link(text)


@given(
    name=st.sampled_from(NAMES),
    before=st.sampled_from(["", "of ", "(", "(a) "]),
    after=st.sampled_from(["", " is", ".", ") "]),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_name_of_the_vocabulary_is_found_in_a_question(
    linker: DictionaryLinker, name: str, before: str, after: str
) -> None:
    text = before + name + after
    wanted = {c.id for c in CONCEPTS if name in (c.name, *c.synonyms)}
    if name == "is" or any(sign in name for sign in "<;"):  # a stop word; names with a sign that no name reaches across
        return
    assert wanted & {m.concept for m in linker.link_question(text)}


@given(text=st.text(max_size=60))
def test_folding_is_the_same_twice_over(text: str) -> None:
    assert form(text.swapcase().swapcase()) is not None
    assert form(f"  {text}  ") == form(text)


@given(text=st.text(alphabet=" ab.", max_size=200).map(lambda t: t * 200))
@settings(max_examples=25, deadline=None)
def test_windows_cover_a_text_without_gap_or_overlap(text: str) -> None:
    reached = 0
    for start, end in windows(text):
        assert start == reached < end
        reached = end
    assert reached == len(text)


@given(text=st.one_of(st.text(max_size=200), PIECES.map("".join)))
def test_quantities_and_definitions_lie_in_the_text(text: str) -> None:
    reached = 0
    for quantity in quantities(text):
        assert reached <= quantity.start < quantity.end <= len(text)
        assert quantity.low <= quantity.high
        assert quantity.equals(quantity)
        reached = quantity.end
    for short, found in abbreviations(text).items():
        assert 0 <= found.start < found.end <= len(text)
        assert short in text
