"""Sentences to relations: what is told, of which type, who is subject, what is denied or guarded."""

import re
from dataclasses import replace

import pytest

from cmo.model.concepts import Kind, Mention, RelationType
from cmo.relate.cues import Cues
from cmo.relate.layout import MOST_MENTIONS, Window, lay_out
from cmo.relate.pairs import MOST_PAIRS, pairs
from cmo.relate.scope import Meeting, hedged, negated
from cmo.relate.statements import Statement, Teller
from cmo.relate.types import frame

NAMES = {
    "TMAO": Kind.METABOLITE, "choline": Kind.METABOLITE, "TMA": Kind.METABOLITE, "metformin": Kind.DRUG,
    "cisplatin": Kind.DRUG, "heart failure": Kind.DISEASE, "nephrotoxicity": Kind.DISEASE, "diabetes": Kind.DISEASE,
    "FMO3": Kind.GENE, "AMPK": Kind.GENE, "LC-MS": Kind.METHOD, "plasma": Kind.SPECIMEN, "mice": Kind.ORGANISM,
    "TCA cycle": Kind.PATHWAY, "citrate": Kind.METABOLITE,
}  # fmt: skip
_NAME = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(NAMES, key=len, reverse=True)))


def window(*sentences: str, titled: bool = False) -> Window:
    text = "\n".join(sentences)
    spans, start = [], 0
    for sentence in sentences:
        spans.append((start, start + len(sentence)))
        start += len(sentence) + 1
    found = [Mention(m.start(), m.end(), m.group(), NAMES[m.group()], 1.0) for m in _NAME.finditer(text)]
    return Window(text, spans, found, titled)


@pytest.fixture(scope="module")
def teller() -> Teller:
    return Teller.shipped()


@pytest.fixture(scope="module")
def cues() -> Cues:
    return Cues.shipped()


def told(teller: Teller, *sentences: str) -> dict[tuple[str, str], Statement]:
    return {(s.subject, s.object): s for s in teller.tell(window(*sentences))}


@pytest.mark.parametrize(
    ("sentence", "subject", "type_", "object_"),
    [
        ("TMAO levels were higher in patients with heart failure than in controls.", "TMAO", "increased in", "heart failure"),
        ("Levels of TMAO were significantly lower in heart failure.", "TMAO", "decreased in", "heart failure"),
        ("Patients with heart failure had elevated TMAO compared with controls.", "TMAO", "increased in", "heart failure"),
        ("TMAO is a promising biomarker of heart failure.", "TMAO", "biomarker of", "heart failure"),
        ("We studied cisplatin-induced nephrotoxicity.", "cisplatin", "causes", "nephrotoxicity"),
        ("The nephrotoxicity was caused by cisplatin.", "cisplatin", "causes", "nephrotoxicity"),
        ("In the gut choline is converted to TMA by bacteria.", "choline", "converted to", "TMA"),
        ("The liver enzyme converts TMA to TMAO.", "TMA", "converted to", "TMAO"),
        ("FMO3 converts strong-smelling TMA into odourless TMAO.", "TMA", "converted to", "TMAO"),
        ("TMA smells of fish; the liver enzyme FMO3 turns it into odourless TMAO.", "TMA", "converted to", "TMAO"),
        ("TMAO was derived from choline in the gut.", "choline", "converted to", "TMAO"),
        ("Patients with diabetes were treated with metformin.", "metformin", "treats", "diabetes"),
        ("The expression of FMO3 was inhibited by metformin.", "metformin", "decreases", "FMO3"),
        ("The expression of AMPK was increased by metformin.", "metformin", "increases", "AMPK"),
        ("TMAO was quantified by LC-MS in the samples.", "TMAO", "measured by", "LC-MS"),
        ("TMAO was detected in plasma of all subjects.", "TMAO", "found in", "plasma"),
        ("We found citrate, an intermediate of the TCA cycle.", "citrate", "part of pathway", "TCA cycle"),
    ],
)  # fmt: skip
def test_a_sentence_is_told_as_it_reads(teller: Teller, sentence: str, subject: str, type_: str, object_: str) -> None:
    found = told(teller, sentence)
    assert (subject, object_) in found, found
    assert found[subject, object_].type == type_


def test_what_is_merely_associated_is_told_in_the_order_of_ids(teller: Teller) -> None:
    found = told(teller, "FMO3 is associated with diabetes.", "Variants of FMO3 are linked to diabetes.")
    assert found["FMO3", "diabetes"].type is RelationType.ASSOCIATED_WITH
    found = told(teller, "In heart failure the gene FMO3 is involved.", "FMO3 is related to heart failure.")
    assert found["FMO3", "heart failure"].type is RelationType.ASSOCIATED_WITH


def test_a_denied_sign_is_a_denied_association(teller: Teller) -> None:
    statement = told(teller, "TMAO was not associated with diabetes.")["TMAO", "diabetes"]
    assert statement.negated
    assert statement.type is RelationType.ASSOCIATED_WITH


def test_the_sentence_sets_the_context(teller: Teller) -> None:
    found = told(teller, "In mice TMAO caused diabetes.", "In mice, plasma TMAO was increased in diabetes by LC-MS.")
    assert set(found["TMAO", "diabetes"].context) <= {"mice", "plasma", "LC-MS"}
    assert "mice" in found["TMAO", "diabetes"].context


def test_what_a_sentence_relates_is_not_its_context(teller: Teller) -> None:
    assert told(teller, "TMAO was detected in plasma of all subjects.")["TMAO", "plasma"].context == ()


def test_a_reaction_is_told_though_the_model_doubts_it(teller: Teller) -> None:
    doubtful = replace(teller, pairs=replace(teller.pairs, threshold=1.1))
    (found,) = doubtful.tell(window("In the gut choline is converted to TMA by bacteria.", "TMAO causes diabetes."))
    assert (found.subject, found.type, found.object) == ("choline", RelationType.CONVERTED_TO, "TMA")
    assert found.probability == 0.7


def test_other_names_are_not_words_of_a_frame(cues: Cues) -> None:
    layout = lay_out(window("TMAO and choline caused diabetes."), cues)
    assert frame(Meeting(layout.terms, 0, 0, 4, len(layout.terms))) == "A and x caused B ."


def test_a_text_without_names_says_nothing(teller: Teller) -> None:
    assert teller.tell(window("Nothing is named here.")) == []
    assert teller.tell(window()) == []
    assert teller.tell(window("TMAO alone.")) == []


def test_more_evidence_is_believed_more(teller: Teller) -> None:
    once = told(teller, "TMAO causes diabetes.", "Nothing else is known.", "More work is needed.")
    thrice = told(teller, "TMAO causes diabetes.", "TMAO induced diabetes.", "TMAO is associated with diabetes.")
    assert thrice["TMAO", "diabetes"].probability > once["TMAO", "diabetes"].probability


def test_only_allowed_kinds_are_paired(teller: Teller) -> None:
    assert told(teller, "Both diabetes and heart failure are associated.") == {}


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("TMAO was not associated with diabetes.", True),
        ("There was no association between TMAO and diabetes.", True),
        ("We found no evidence that TMAO causes diabetes.", True),
        ("TMAO failed to induce diabetes.", True),
        ("TMAO and diabetes were not correlated.", True),
        ("TMAO was associated with diabetes.", False),
        ("TMAO not only causes diabetes.", False),
        ("There was no fever, but TMAO was associated with diabetes.", False),
        ("Although age was not measured, TMAO was associated with diabetes.", False),
        ("TMAO was associated with diabetes, whereas age was not a risk.", False),
    ],
)
def test_denials_reach_as_far_as_their_clause(cues: Cues, sentence: str, denied: bool) -> None:
    assert negated(_meeting(sentence, cues), cues) is denied


@pytest.mark.parametrize(
    ("sentence", "guarded"),
    [
        ("TMAO may cause diabetes.", True),
        ("These data suggest that TMAO causes diabetes.", True),
        ("TMAO causes diabetes.", False),
        ("Diet may matter, but TMAO causes diabetes.", False),
        ("TMAO causes diabetes, whereas diet might not.", False),
        ("Although cheap, diet may matter, but TMAO causes diabetes.", False),
    ],
)
def test_guards_reach_as_far_as_their_clause(cues: Cues, sentence: str, guarded: bool) -> None:
    assert hedged(_meeting(sentence, cues), cues) is guarded


def test_names_are_single_terms(cues: Cues) -> None:
    layout = lay_out(window("In heart failure, TMAO-induced (FMO3) rose 3.5 fold."), cues)
    assert layout.terms == ["in", "@2", ",", "@0", "-", "induced", "(", "@1", ")", "rose", "3.5", "fold", "."]
    assert layout.place.tolist() == [1, 3, 7]


def test_cues_inside_names_do_not_count(cues: Cues) -> None:
    layout = lay_out(window("In heart failure it fell."), cues)
    assert layout.cumulated[-1, cues.columns["negate"]] == 0  # "failure" is part of a name
    assert lay_out(window("Its failure was seen."), cues).cumulated[-1, cues.columns["negate"]] == 0
    assert lay_out(window("It failed."), cues).cumulated[-1, cues.columns["negate"]] == 1


def test_a_name_that_means_two_concepts_is_one_term(cues: Cues) -> None:
    both = [Mention(0, 4, concept, Kind.METABOLITE, 1.0) for concept in ("a", "b")]
    layout = lay_out(Window("PUFA rose.", [(0, 10)], both), cues)
    assert layout.terms == ["@0", "rose", "."]
    assert len(pairs(layout).pair) == 1


def test_a_crowd_of_names_is_cut_short_and_counted(cues: Cues) -> None:
    count = MOST_MENTIONS + 50
    text = " ".join(f"m{n}" for n in range(count))
    spans = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    crowd = [Mention(start, end, str(n), Kind.METABOLITE, 1.0) for n, (start, end) in enumerate(spans)]
    layout = lay_out(Window(text, [(0, len(text))], crowd), cues)
    found = pairs(layout)
    assert layout.left_out == 50
    assert len(found.i) == MOST_PAIRS
    assert found.left_out == MOST_MENTIONS * (MOST_MENTIONS - 1) // 2 - MOST_PAIRS
    assert max(found.j) < MOST_MENTIONS // 2  # those that are named early are kept


def test_cues_with_a_star_match_any_ending() -> None:
    cues = Cues({"up": ["increas*", "up"], "down": ["decreas*"]})
    assert cues.of("increasing") == (0,)
    assert cues.of("up") == (0,)
    assert cues.of("upper") == ()
    assert cues.of("decrease") == (1,)


def _meeting(sentence: str, cues: Cues) -> Meeting:
    layout = lay_out(window(sentence), cues)
    left, right = layout.place.tolist()
    return Meeting(layout.terms, 0, left, right, len(layout.terms))
