"""Sentences of papers that were read wrongly once: each says less than it seems to."""

import re
from dataclasses import replace

import pytest

from cmo.model.concepts import Kind, Mention, RelationType
from cmo.relate.cues import Cues
from cmo.relate.layout import Window, lay_out
from cmo.relate.lists import crossing
from cmo.relate.patterns import Phrases
from cmo.relate.statements import Statement, Teller
from cmo.relate.types import name

NAMES = {
    "atm": Kind.GENE, "p53": Kind.GENE, "ataxia-telangiectasia": Kind.DISEASE, "Li-Fraumeni syndrome": Kind.DISEASE,
    "citrulline": Kind.METABOLITE, "argininosuccinate": Kind.METABOLITE, "phenylalanine": Kind.METABOLITE,
    "Phenylalanine": Kind.METABOLITE, "hydrogen": Kind.METABOLITE, "coeliac disease": Kind.DISEASE, "TMAO": Kind.METABOLITE,
    "kidney disease": Kind.DISEASE, "cardiovascular disease": Kind.DISEASE, "iron": Kind.METABOLITE, "infection": Kind.DISEASE,
    "Glucosinolates": Kind.METABOLITE, "defense": Kind.DISEASE, "citrullinemia": Kind.DISEASE, "ASA": Kind.DISEASE,
    "argininosuccinic aciduria": Kind.DISEASE, "PKU": Kind.DISEASE, "phenylketonuria": Kind.DISEASE, "serum": Kind.SPECIMEN,
    "urine": Kind.SPECIMEN,
}  # fmt: skip
_NAME = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(NAMES, key=len, reverse=True)))
LEVELS = {RelationType.INCREASED_IN, RelationType.DECREASED_IN}


def window(text: str) -> Window:
    found = [Mention(m.start(), m.end(), m.group(), NAMES[m.group()], 1.0) for m in _NAME.finditer(text)]
    return Window(text, [(0, len(text))], found, titled=False)


@pytest.fixture(scope="module")
def teller() -> Teller:
    return Teller.shipped()


def told(teller: Teller, sentence: str) -> dict[tuple[str, str], Statement]:
    return {(s.subject, s.object): s for s in teller.tell(window(sentence))}


def crossed(sentence: str) -> set[tuple[str, str]]:
    layout = lay_out(window(sentence), Cues.shipped())
    return {(layout.concepts[layout.concept[a]], layout.concepts[layout.concept[b]]) for a, b in crossing(layout)}


def test_lists_that_belong_together_item_by_item_are_not_crossed(teller: Teller) -> None:
    sentence = (  # Stankovic et al. 1998, PubMed 9241281 in BioRED and the NCBI disease corpus
        "Mutations in atm and p53 cause the human cancer-associated diseases ataxia-telangiectasia and "
        "Li-Fraumeni syndrome, respectively."
    )
    assert crossed(sentence) == {("atm", "Li-Fraumeni syndrome"), ("p53", "ataxia-telangiectasia")}
    found = {frozenset(pair) for pair in told(teller, sentence)}
    assert {frozenset(("atm", "ataxia-telangiectasia")), frozenset(("p53", "Li-Fraumeni syndrome"))} <= found
    assert not {frozenset(("atm", "Li-Fraumeni syndrome")), frozenset(("p53", "ataxia-telangiectasia"))} & found


def test_each_item_may_bring_its_short_form_and_what_it_was_found_in() -> None:
    sentence = (
        "Levels of citrulline and of argininosuccinate were raised in patients with citrullinemia and with "
        "argininosuccinic aciduria (ASA), respectively."
    )
    assert {("citrulline", "argininosuccinic aciduria"), ("argininosuccinate", "citrullinemia")} <= crossed(sentence)
    assert ("citrulline", "citrullinemia") not in crossed(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "TMAO was raised in kidney disease and cardiovascular disease.",
        "TMAO was raised in kidney disease and cardiovascular disease (2 and 3 fold, respectively).",
        "TMAO and iron were raised in kidney disease, cardiovascular disease and infection, respectively.",
    ],
)
def test_lists_of_different_length_or_without_the_word_are_crossed_freely(sentence: str) -> None:
    assert crossed(sentence) == set()


@pytest.mark.parametrize(
    ("sentence", "subject", "object_"),
    [
        ("Phenylalanine was lower in patients with PKU who were treated with sapropterin than before.", "Phenylalanine", "PKU"),
        (  # the starter library: a risk is no level
            ("TMAO is cleared by filtration and secretion, so it rises as glomerular filtration falls, and kidney disease by "
            "itself raises the risk of cardiovascular disease."),
            "TMAO", "cardiovascular disease",
        ),
        (  # PMC6317250
            ("Intriguingly, dietary iron supplementation leads to disease exacerbation and a higher risk of infection, "
            "perhaps through alterations of commensal microbiota."),
            "iron", "infection",
        ),
    ],
)  # fmt: skip
def test_no_level_is_told_where_none_is_compared_with_those_without_the_disease(
    teller: Teller, sentence: str, subject: str, object_: str
) -> None:
    found = told(teller, sentence)
    assert not [s for (a, b), s in found.items() if {a, b} == {subject, object_} and s.type in LEVELS], found


def test_what_is_related_across_sentences_is_marked_since_no_sentence_says_it(teller: Teller) -> None:
    sentences = [
        "TMAO was measured in 40 patients.",
        "All of them had kidney disease.",
        "TMAO is associated with kidney disease.",
    ]
    spans, start = [], 0
    for sentence in sentences:
        spans.append((start, start + len(sentence)))
        start += len(sentence) + 1
    text = "\n".join(sentences)
    met = teller.tell(Window(text, spans, window(text).mentions, titled=False))
    assert met
    assert not [s for s in met if s.apart]
    unmet = replace(teller, pairs=replace(teller.pairs, threshold=0.0)).tell(
        Window(text, spans[:2], window(text).mentions, titled=False)
    )
    assert [s.apart for s in unmet] == [True]


@pytest.mark.parametrize(
    ("frame", "sign", "wanted"),
    [
        # PMC6234216: both sides have the disease
        ("breath A concentrations were significantly lower in B patients on a gfd compared with untreated x patients", -1, "associated with"),
        ("breath A concentrations were significantly lower in B patients compared with healthy controls", -1, "decreased in"),
        # PMC5408482: no amount at all
        ("A are important for x B , and as such may have affected the interaction", 1, "associated with"),
        ("A rose steadily over the course of B", 1, "increased in"),
        # the starter library: what is raised is not lowered, whatever the sign seems to be
        ("raised A is also found in deficiency of x or x and in B ; these two sentences", 1, "increased in"),
        ("raised A is also found after a meal , in fasting or in B", -1, "associated with"),
    ],
)  # fmt: skip
def test_a_sign_alone_makes_no_level(frame: str, sign: int, wanted: str) -> None:
    assert str(name(Kind.METABOLITE, Kind.DISEASE, sign, frame, Phrases.shipped()).type) == wanted


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        ("Phenylalanine is raised in untreated phenylketonuria.", ("Phenylalanine", "increased in", "phenylketonuria")),
        ("TMAO levels were higher in patients with kidney disease than in controls.", ("TMAO", "increased in", "kidney disease")),
        ("Patients with PKU had elevated phenylalanine compared with controls.", ("phenylalanine", "increased in", "PKU")),
    ],
)  # fmt: skip
def test_a_level_that_is_compared_with_others_is_told(
    teller: Teller, sentence: str, wanted: tuple[str, str, str]
) -> None:
    assert wanted in {(s.subject, str(s.type), s.object) for s in told(teller, sentence).values()}
