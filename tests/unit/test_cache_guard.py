"""Whether two questions are the same question: what the guard lets through, and what it must never let through."""

import pytest

from cmo.cache.semantic import Asked, Likeness, SemanticGuard, Verdict
from cmo.model.concepts import Concept, Kind
from cmo.testing import FakeLinker, HashingEmbedder
from cmo.vocabulary.units import quantities

CONCEPTS = (
    Concept("CHEBI:15724", "trimethylamine N-oxide", Kind.METABOLITE, ("TMAO",)),
    Concept("CHEBI:16811", "methionine", Kind.METABOLITE),
    Concept("CHEBI:422", "lactate", Kind.METABOLITE, ("lactic acid", "L-lactate")),
    Concept("CHEBI:28683", "kynurenine", Kind.METABOLITE),
    Concept("CHEBI:15365", "aspirin", Kind.DRUG, ("acetylsalicylic acid", "ASA")),
    Concept("CHEBI:50629", "bile acid sequestrant", Kind.DRUG, ("cholestyramine", "colesevelam")),
    Concept("DOID:557", "kidney disease", Kind.DISEASE, ("nephropathy",)),
    Concept("DOID:576", "proteinuria", Kind.DISEASE, ("albuminuria",)),
    Concept("DOID:2018", "anxiety disorder", Kind.DISEASE, ("anxiety",)),
)
SURE = Likeness(0.0, {"cosine": 0.0}, 0.4, 0.05, proven=False)
"""Lets everything through that no guard holds back."""
NEVER = Likeness(0.0, {"cosine": 0.0}, 0.9, 0.05, proven=False)


def guard_with(likeness: Likeness) -> SemanticGuard:
    linker, embedder = FakeLinker(CONCEPTS), HashingEmbedder()
    return SemanticGuard(lambda: linker, quantities, lambda: embedder, likeness)


@pytest.fixture(scope="module")
def guard() -> SemanticGuard:
    return guard_with(SURE)


def read(guard: SemanticGuard, *questions: str) -> tuple[Asked, ...]:
    return tuple(map(guard.read, questions))


SAME = """What is the role of TMAO in heart failure? | What role does trimethylamine N-oxide play in HF?
What is the role of TMAO in heart failure? | Could you please tell me what the role of TMAO in heart failure is?
What is the role of TMAO in heart failure? | How is TMAO involved in heart failure?
Does aspirin lower CRP? | Is CRP lowered by aspirin?
How do I measure TMAO in plasma? | How is TMAO measured in plasma?
Can you tell me what causes gout? | What are the causes of gout?
Why does gout occur? | What is gout caused by?
What is the difference between HILIC and RP? | How does RP differ from HILIC?
Is TMAO linked to CVD? | Is there an association between cardiovascular disease and TMAO?
What's the half-life of metformin? | What is metformin's half life?
how is homocystinuria treated | What are the treatments for homocystinuria?
Why is lactate high in sepsis? | What causes elevated lactate in sepsis?
Which bacteria make butyrate? | Butyrate is made by which bacteria?
In CKD, is TMAO raised? | Is TMAO elevated in chronic kidney disease?
Please explain how metformin affects lactate. | What effect does metformin have on lactate?
Is 5 mM lactate normal? | Is 5000 µmol/L lactate normal?
Is 15 micromolar lactate normal? | Is 15 µM lactate normal?
Is lactic acid raised in sepsis? | Is lactate raised in sepsis?
Which tumours release lactate? | Which tumors release lactate?
Is low α-tocopherol seen in CKD? | In CKD, is low alpha-tocopherol seen?
Using XCMS, how do I align peaks? | How are peaks aligned using XCMS?
Which is better for sugars, GC-MS or HILIC? | Is HILIC or GC-MS better for sugars?
Is glycogen storage disease type II treated? | Is glycogen storage disease type 2 treated?"""


@pytest.mark.parametrize("pair", SAME.splitlines())
def test_other_words_for_one_question_have_one_signature(guard: SemanticGuard, pair: str) -> None:
    a, b = read(guard, *pair.split(" | "))
    assert a.signature.key == b.signature.key
    said = guard.judge(a, b, 0.9)
    assert said.value is Verdict.SAME
    assert said.reasons == (f"signature: {a.signature.key}",)


DIFFERENT = """direction | Which metabolites are raised in CKD? | Which metabolites are lowered in CKD?
roles | Does TMAO cause atherosclerosis? | Does atherosclerosis cause TMAO?
roles | Does TMAO cause atherosclerosis? | Is TMAO caused by atherosclerosis?
roles | Is choline a precursor of TMAO? | Is TMAO a precursor of choline?
roles | Is citrate converted to isocitrate? | Is isocitrate converted to citrate?
roles | What is the ratio of kynurenine to tryptophan? | What is the ratio of tryptophan to kynurenine?
roles | Which enzymes does zinc inhibit? | Which enzymes inhibit zinc?
roles | What affects TMAO? | What are the effects of TMAO?
roles | Is lactate higher in sepsis than in health? | Is lactate higher in health than in sepsis?
roles | Does exercise before breakfast raise lactate? | Does exercise after breakfast raise lactate?
roles | Can patients with CKD take metformin? | Can patients without CKD take metformin?
roles | Does butyrate increase in colitis? | Does butyrate increase colitis?
roles | What does high plasma and low urine TMAO mean? | What does low plasma and high urine TMAO mean?
roles | Which drugs inhibit enzymes that activate TMAO? | Which drugs activate enzymes that inhibit TMAO?
roles | What are the causes of gout and the symptoms of PKU? | What are the symptoms of gout and the causes of PKU?
roles | What is the effect of statin treatment? | What is the treatment of statin effects?
roles | Is valine lower in serum than in plasma? | Is valine lower in plasma than in serum?
words | What does insulin regulate? | What is insulin regulated by?
words | From what is TMAO produced? | What produces TMAO?
words | What is the metabolite of codeine? | Of what is codeine a metabolite?
task | What does cholecalciferol do? | What is cholecalciferol?
number | How does one-carbon metabolism affect folate? | How does carbon metabolism affect folate?
words | What is vitamin A deficiency? | What is vitamin deficiency?
words | what is vitamin a deficiency | what is vitamin deficiency
words | What does reduced glutathione do in liver? | What does decreased glutathione do in liver?
stereo | Does L-lactate rise in sepsis? | Does D-lactate rise in sepsis?
stereo | Is lactate raised in sepsis? | Is L-lactate raised in sepsis?
words | Does the diet of mice with nephropathy matter? | Does the diet of mice with neuropathy matter?
words | Which patients need cholestyramine? | Which patients need colesevelam?
words | Is proteinuria a sign of CKD? | Is albuminuria a sign of CKD?
words | What is anxiety? | What is anxiety disorder?
number | Is PC 34:1 raised in obesity? | Is PC 34:2 raised in obesity?
number | Which metabolites are raised in type 1 diabetes? | Which metabolites are raised in type 2 diabetes?
number | Is 5 mM lactate normal? | Is 5 µM lactate normal?
negation | Does metformin not raise lactate? | Does metformin raise lactate?
question | Why is TMAO raised in CKD? | Is TMAO raised in CKD?
question | When is TMAO measured? | How is TMAO measured?
question | How often is TMAO measured? | How is TMAO measured?
question | How high is lactate in sepsis? | How can lactate be raised in sepsis?
modal | Should I measure TMAO in CKD? | Can I measure TMAO in CKD?
modal | When did the lactate assay change? | When does the lactate assay change?
choice | Is TMAO a marker for CVD or a cause? | Is TMAO a marker for CVD and a cause?
case | Is TMAO found in CO exposure? | Is TMAO found in Co exposure?
specimen | How is phenylalanine measured in plasma? | How is phenylalanine measured in urine?
population | Is leucine higher in men with CKD? | Is leucine higher in women with CKD?
course | What are early markers of sepsis? | What are late markers of sepsis?
agonism | Which agonists act on FXR? | Which antagonists act on FXR?
extent | What is the first step of glycolysis? | What is the last step of glycolysis?
feeding | Does fasting lactate predict CKD? | Does postprandial lactate predict CKD?
task | How is methionine synthesized? | How is methionine measured?
words | Is TMAO raised in patients with and without CKD? | Is TMAO raised in patients without CKD?
roles | Which genes does FXR regulate in liver? | Which genes regulate FXR in liver?
words | What is TMAO converted to? | What is converted to TMAO?
roles | How many samples per group do I need? | How many groups per sample do I need?
words | Which linkage studies cover TMAO? | Which association studies cover TMAO?
words | Is TMAO usually raised in CKD? | Is TMAO raised in CKD?
words | What is the sensitivity of TMAO for CVD? | What is the specificity of TMAO for CVD?
words | Is metformin safe in pregnancy? | Is metformin safe for me in pregnancy?
number | Which two enzymes make TMAO? | Which enzymes make TMAO?
number | Is -20 °C cold enough for plasma? | Is -80 °C cold enough for plasma?
question | Why does metformin lower lactate? | How does metformin lower lactate?
time | What is the latest guideline for PKU? | What is the latest guideline on PKU?
content | Thank you very much! | Hello there"""


@pytest.mark.parametrize("case", DIFFERENT.splitlines())
def test_one_thing_that_differs_keeps_questions_apart(guard: SemanticGuard, case: str) -> None:
    expected, a, b = case.split(" | ")
    said = guard.judge(*read(guard, a, b), 0.99)
    assert said.value is Verdict.DIFFERENT
    assert expected in {reason.split(":")[0] for reason in said.reasons}
    assert not said


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Does metformin lower vitamin levels?", "Does metformine lower vitamin levles?"),
        ("Which collumns suit polar metabolites?", "Which columns suit polar metabolites?"),
        ("Is lactate in plasma a fule for the heart?", "Is lactate in plasma a fuel for the heart?"),
        ("Is TMAO raised in CKD patients on dialysis?", "Is TMAO raised in CKD on dialysis?"),
        ("Which amino acids rise in plasma in heart failure?", "Which plasma amino acids rise in heart failure?"),
        ("Is kynurenine raised by proteinuria drugs or ASA?", "Is kynurenine raised by proteinuria drugs or aspirin?"),
        ("TMAO thresholds in CKD", "Which TMAO thresholds in CKD?"),
    ],
)
def test_what_seldom_matters_is_left_to_the_model(a: str, b: str) -> None:
    sure, never = guard_with(SURE), guard_with(NEVER)
    assert sure.judge(*read(sure, a, b), 0.9).value is Verdict.SAME
    assert never.judge(*read(never, a, b), 0.9).value is Verdict.UNSURE


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Is lactase raised in sepsis?", "Is lactate raised in sepsis?"),
        ("Is sebum altered in acne vulgaris?", "Is serum altered in acne vulgaris?"),
        ("Is the link of TMAO and gout causal?", "Is the link of TMAO and gout casual?"),
        ("Is zorbitrex given in sepsis?", "Is zorbatrex given in sepsis?"),
        ("Is hypotension seen in sepsis here?", "Is hypertension seen in sepsis here?"),
        ("Is zzglutamine raised in sepsis?", "Is glutamine raised in sepsis?"),
    ],
)
def test_a_word_is_never_taken_for_a_slip_of_another_word(guard: SemanticGuard, a: str, b: str) -> None:
    assert guard.same(a, b).value is Verdict.DIFFERENT


def test_the_same_words_are_the_same_question_whatever_they_are(guard: SemanticGuard) -> None:
    assert guard.same("Was ist TMAO?", "was ist TMAO").reasons == ("the same words",)


@pytest.mark.parametrize(
    "text", ["", "?", "a" * 5000, "TMAO " * 100, "\u202e\x00\ue000", "∀x∈ℝ", "什么是代谢组学?", "💥" * 50]
)
def test_any_text_can_be_compared(guard: SemanticGuard, text: str) -> None:
    assert guard.same(text, "What is the role of TMAO in heart failure?").value is not Verdict.SAME


def test_a_long_text_is_like_no_other(guard: SemanticGuard) -> None:
    a, b = read(guard, "TMAO is raised. " * 40, "TMAO is raised! " * 40)
    assert not a.comparable
    assert guard.judge(a, b, 1.0).reasons == ("length: – / more than is read",)


def test_what_asks_for_the_present_is_not_comparable(guard: SemanticGuard) -> None:
    now, settled = read(guard, "What is the latest on TMAO?", "Is TMAO raised in recent-onset diabetes?")
    assert not now.comparable
    assert settled.comparable


def test_it_does_not_matter_which_question_comes_first(guard: SemanticGuard) -> None:
    for case in [*DIFFERENT.splitlines(), *("x | " + line for line in SAME.splitlines())]:
        _, a, b = case.split(" | ")
        x, y = read(guard, a, b)
        assert guard.judge(x, y, 0.9).value is guard.judge(y, x, 0.9).value
