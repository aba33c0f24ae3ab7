"""The answer is made of the papers' own sentences, each cited, or is an honest refusal."""

from dataclasses import replace

import numpy as np
import pytest

from cmo.answer.candidates import candidates
from cmo.answer.confidence import Confidence, features
from cmo.answer.coverage import coverage
from cmo.answer.extract import MOST_SENTENCES, PER_PAPER, ExtractiveAnswerer
from cmo.model.answers import Answer, RefusalReason
from cmo.model.evidence import Found, Passage, PassageSentence, Term
from cmo.model.papers import Format, Metadata, PaperRef, Role, Section
from cmo.model.questions import Filters, Question
from cmo.testing import NEVER, HashingEmbedder

ENCODER = HashingEmbedder(256)
SURE = Confidence(10.0, {}, 0.5)
UNSURE = Confidence(-10.0, {}, 0.5)
QUESTION = Question("Which amino acids are raised in maple syrup urine disease?")
TERMS = (Term("amino", 2.0), Term("acid", 1.0), Term("rais", 1.0), Term("mapl", 4.0), Term("urin", 2.0))
GOOD = "Leucine and other amino acids are raised in maple syrup urine disease."
FILLER = "Samples of blood were frozen at minus eighty degrees before use."


def ref(name: str) -> PaperRef:
    return PaperRef(name, 1, "0" * 64, f"{name}.pdf", Format.PDF, Metadata(title=f"Paper {name}"))


def passage(
    name: str,
    *texts: str,
    score: float = 1.0,
    section: Section = Section.RESULTS,
    role: Role = Role.PROSE,
    start: int = 0,
) -> Passage:
    sentences = []
    for text in texts:
        sentences.append(PassageSentence(text, start, start + len(text), 1, role, ()))
        start += len(text) + 1
    vectors = np.stack([ENCODER.encode_query(t) for t in texts])
    dense = float(ENCODER.encode_query(" ".join(texts)) @ ENCODER.encode_query(QUESTION.text))
    signals = {"dense": dense, "words": 5.0, "sentence": dense}
    return Passage(0, score, signals, ref(name), section, "Results", tuple(sentences), vectors)


def found(*passages: Passage, snapshot: str = "000001") -> Found:
    return Found(QUESTION.text, tuple(passages), ENCODER.encode_query(QUESTION.text), TERMS, snapshot, 42)


def answer(*passages: Passage, confidence: Confidence = SURE) -> Answer:
    return ExtractiveAnswerer(confidence, NEVER).answer(QUESTION, found(*passages))


def texts_of(value: Answer) -> list[str]:
    return [s.text for s in value.sentences]


def test_the_sentence_that_answers_is_quoted_verbatim_with_its_place() -> None:
    value = answer(passage("aaaaaa", FILLER, GOOD))
    assert value.refusal is None
    assert texts_of(value)[0] == GOOD
    (evidence, *_) = value.evidence
    assert (evidence.text, evidence.start, evidence.end) == (GOOD, len(FILLER) + 1, len(FILLER) + 1 + len(GOOD))
    assert evidence.id == f"aaaaaa.1.{evidence.start}-{evidence.end}"
    assert value.text.startswith(f"{GOOD} [1]")


def test_every_citation_is_used_and_every_sentence_cites_one() -> None:
    value = answer(
        *(passage(f"aaaaa{n}", f"{GOOD[:-1]} in study {word}.") for n, word in enumerate(["alpha", "beta", "gamma"]))
    )
    numbers = [c.number for c in value.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {n for s in value.sentences for n in s.citations} == set(numbers)
    by_number = {c.number: c.paper for c in value.citations}
    for sentence in value.sentences:
        assert [by_number[n] for n in sentence.citations] == [sentence.evidence[-1].paper]


def test_the_same_thing_is_not_said_twice() -> None:
    value = answer(passage("aaaaaa", GOOD), passage("bbbbbb", GOOD))
    assert texts_of(value) == [GOOD]


def test_no_paper_speaks_too_much_and_no_answer_is_too_long() -> None:
    variants = [
        f"Amino acids raised in maple syrup urine disease {a} {b}." for a, b in zip("abcdefgh", "stuvwxyz", strict=True)
    ]
    value = answer(passage("aaaaaa", *variants), passage("bbbbbb", *reversed(variants), start=5000))
    assert 1 <= len(value.sentences) <= MOST_SENTENCES
    for citation in value.citations:
        assert sum(citation.number in s.citations for s in value.sentences) <= PER_PAPER


def test_a_sentence_that_points_back_brings_the_one_before_it() -> None:
    before = "Branched-chain ketoacid dehydrogenase is lacking in the patients."
    after = "It makes amino acids raised in maple syrup urine disease."
    value = answer(passage("aaaaaa", before, after))
    together = next(s for s in value.sentences if s.evidence[-1].text == after)
    assert [e.text for e in together.evidence] == [before, after]
    assert together.text == f"{before} {after}"


def test_nothing_is_quoted_twice_in_one_answer() -> None:
    value = answer(
        passage(
            "aaaaaa",
            "Amino acids rise in maple syrup urine disease.",
            "They are raised amino acids in maple syrup urine disease.",
        )
    )
    ids = [e.id for e in value.evidence]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("text", "role"),
    [
        (GOOD, Role.TABLE),
        ("Raised leucine.", Role.PROSE),
        (f"{GOOD[:-1]}?", Role.PROSE),
        ("amino " * 80 + ".", Role.PROSE),
    ],
)
def test_tables_scraps_questions_and_monsters_are_not_quoted(text: str, role: Role) -> None:
    value = answer(passage("aaaaaa", text, role=role))
    assert value.refusal is not None
    assert value.refusal.reason is RefusalReason.THIN_EVIDENCE


def test_thin_evidence_is_refused_with_what_was_searched_and_what_came_nearest() -> None:
    value = answer(passage("aaaaaa", GOOD), passage("bbbbbb", FILLER), confidence=UNSURE)
    assert value.sentences == value.citations == ()
    assert value.refusal is not None
    assert value.refusal.reason is RefusalReason.THIN_EVIDENCE
    assert value.refusal.nearest == (ref("aaaaaa"), ref("bbbbbb"))
    assert "42 passages were searched" in value.text


@pytest.mark.parametrize(
    ("snapshot", "filters", "reason"),
    [
        ("", Filters(), RefusalReason.EMPTY_BASE),
        ("000003", Filters(), RefusalReason.EMPTY_BASE),  # all papers are retracted
        ("000003", Filters(year_from=2020), RefusalReason.NOTHING_ELIGIBLE),
    ],
)
def test_nothing_found_says_why(snapshot: str, filters: Filters, reason: RefusalReason) -> None:
    question = Question(QUESTION.text, filters=filters)
    value = ExtractiveAnswerer(SURE, NEVER).answer(question, replace(found(snapshot=snapshot), searched=0))
    assert value.refusal is not None
    assert value.refusal.reason is reason


@pytest.mark.parametrize("filters", [Filters(), Filters(year_from=2020)])
def test_papers_that_were_searched_in_vain_are_not_said_to_be_missing(filters: Filters) -> None:
    value = ExtractiveAnswerer(SURE, NEVER).answer(Question(QUESTION.text, filters=filters), found())
    assert value.refusal is not None
    assert value.refusal.reason is RefusalReason.THIN_EVIDENCE
    assert value.text.endswith("42 passages were searched; none was near.")


def test_a_methods_sentence_yields_to_the_same_in_the_results() -> None:
    ranked = candidates(found(passage("aaaaaa", GOOD, section=Section.METHODS), passage("bbbbbb", GOOD)))
    assert [c.passage.paper.paper_id for c in ranked] == ["bbbbbb", "aaaaaa"]


@pytest.mark.parametrize(
    ("methods", "results"), [("Material and Methods: ", "Conclusions: "), ("METHODS ", "RESULTS "), ("Aim: ", "")]
)
def test_what_an_abstract_labels_as_methods_yields_to_what_it_labels_as_results(methods: str, results: str) -> None:
    abstract = passage("aaaaaa", methods + GOOD, results + GOOD, section=Section.ABSTRACT)
    assert [c.place for c in candidates(found(abstract))] == [1, 0]
    reversed_ = passage("aaaaaa", results + GOOD, methods + GOOD, section=Section.ABSTRACT)
    assert [c.place for c in candidates(found(reversed_))] == [0, 1]


def test_a_place_printed_in_two_chunks_is_one_candidate() -> None:
    assert len(candidates(found(passage("aaaaaa", GOOD), passage("aaaaaa", GOOD)))) == 1


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("Maple syrup urine disease raises amino acids.", 1.0),
        ("Maple is a tree.", 0.4),
        ("MAPLE-syrup", 0.4),
        ("Nothing of it.", 0.0),
        ("A grapefruit draws no ire.", 0.0),
    ],
)
def test_coverage_is_the_share_of_rarity_that_is_held(text: str, share: float) -> None:
    assert coverage([text], TERMS) == pytest.approx([share])


def test_a_stem_in_i_finds_the_y() -> None:
    assert coverage(["The therapy worked."], [Term("therapi", 1.0)]) == [1.0]


def test_coverage_of_a_question_without_telling_words_is_none() -> None:
    assert coverage(["Anything."], ()) == [0.0]


def test_confidence_is_a_probability_that_grows_with_the_fit() -> None:
    model = Confidence.shipped()
    assert 0 < model.threshold < 1
    good, bad = (found(passage("aaaaaa", text)) for text in (GOOD, FILLER))
    sure, unsure = (model.probability(features(f, candidates(f)[0])) for f in (good, bad))
    assert 0 <= unsure < sure <= 1


@pytest.mark.parametrize("bias", [-1e9, 0.0, 1e9])
def test_confidence_never_overflows(bias: float) -> None:
    assert 0.0 <= Confidence(bias, {}, 0.5).probability({}) <= 1.0


def test_confidence_asks_only_for_features_that_there_are() -> None:
    one = found(passage("aaaaaa", GOOD))
    assert set(Confidence.shipped().weights) <= set(features(one, candidates(one)[0]))


def test_what_is_not_so_is_answered_by_sentences_that_deny_it_alone() -> None:
    denies = "Alanine and other amino acids were not raised in maple syrup urine disease."
    question = Question("Which amino acids are not raised in maple syrup urine disease?")
    engine = ExtractiveAnswerer(SURE, NEVER)
    assert texts_of(engine.answer(question, found(passage("a", GOOD, denies)))) == [denies]
    refused = engine.answer(question, found(passage("a", GOOD)))
    assert refused.refusal is not None
    assert refused.refusal.reason is RefusalReason.THIN_EVIDENCE
    assert "asks for what is not so" in refused.remark
    assert texts_of(engine.answer(QUESTION, found(passage("a", GOOD)))) == [GOOD]
