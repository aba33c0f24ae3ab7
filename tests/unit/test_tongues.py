"""Questions in other languages, and what a translation may not change."""

from collections.abc import Mapping, Sequence

import orjson
import pytest

from cmo.errors import ModelError
from cmo.llm.translate import Translator
from cmo.model.answers import Answer, AnswerSentence
from cmo.model.chat import Completion, Message
from cmo.model.questions import Question
from cmo.tongues import Tongues

GERMAN = Question("Welche Aminosäuren sind bei PKU erhöht?")
ENGLISH = Question("Which amino acids are raised in PKU?")


class Model:
    """Says what it is told to, and remembers what it was asked."""

    name = "model"

    def __init__(self, *says: object) -> None:
        self._says = list(says)
        self.asked: list[str] = []

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        assert most_tokens > 0
        assert schema
        self.asked.append(messages[-1].text)
        said = self._says.pop(0)
        if isinstance(said, Exception):
            raise said
        return Completion(said if isinstance(said, str) else orjson.dumps({"sentences": said}).decode())


def translated(text: str, reply: object) -> str:
    [found] = Translator(Model(reply)).translate([text], "de")
    return found


def test_a_translation_keeps_every_figure_and_name() -> None:
    text = "TMAO rose 2.5-fold in 12 patients."
    assert translated(text, {"1": "TMAO stieg bei 12 Patienten 2,5-fach."}) == "TMAO stieg bei 12 Patienten 2,5-fach."


@pytest.mark.parametrize(
    "reply",
    [
        {"1": "TMAO stieg bei 21 Patienten 2,5-fach."},
        {"1": "TMA stieg bei 12 Patienten 2,5-fach."},
        {"1": "Ja. 12 2,5 TMAO " * 40},
        {"1": ""},
        {"2": "TMAO stieg bei 12 Patienten 2,5-fach."},
        {"1": 12},
        "I cannot translate this.",
        "",
        "{",
        '["TMAO stieg bei 12 Patienten 2,5-fach."]',
    ],
)
def test_what_cannot_be_trusted_is_no_translation(reply: object) -> None:
    assert not translated("TMAO rose 2.5-fold in 12 patients.", reply)


def test_a_reply_in_a_fence_is_read() -> None:
    assert translated("It rose.", '```json\n{"sentences": {"1": "Es stieg."}}\n```') == "Es stieg."


def test_too_much_text_is_not_sent() -> None:
    model = Model({"1": "x" * 3000})
    assert Translator(model).translate(["x" * 3000, "y" * 5000], "de") == ["x" * 3000, ""]
    assert "y" not in model.asked[0]
    assert Translator(Model()).translate(["z" * 9000], "de") == [""]


def answer() -> Answer:
    return Answer(ENGLISH.text, (AnswerSentence("Phenylalanine is raised.", (1,), ()),), (), 0.9, "000001")


def test_a_question_is_understood_and_answered_in_its_language() -> None:
    model = Model({"1": ENGLISH.text}, {"1": "Phenylalanin ist erhöht."})
    tongues = Tongues(lambda _: "de", Translator(model))
    understood = tongues.understood(GERMAN)
    assert (understood.question, understood.translated, understood.notice) == (ENGLISH, True, "")
    told = tongues.told(answer(), GERMAN, understood)
    assert told.question == GERMAN.text
    assert [(s.text, s.translation) for s in told.sentences] == [
        ("Phenylalanine is raised.", "Phenylalanin ist erhöht.")
    ]


def test_english_costs_nothing() -> None:
    tongues = Tongues(lambda _: "en", Translator(Model()))
    understood = tongues.understood(ENGLISH)
    assert (understood.question, understood.notice) == (ENGLISH, "")
    assert tongues.told(answer(), ENGLISH, understood) == answer()


def test_without_a_model_the_asker_is_advised() -> None:
    understood = Tongues(lambda _: "de", None).understood(GERMAN)
    assert (understood.question, understood.translated, understood.failed) == (GERMAN, False, False)
    assert "English words" in understood.notice


@pytest.mark.parametrize("trouble", [ModelError("gone"), "no JSON"])
def test_a_model_that_fails_leaves_the_question_as_it_was(trouble: object) -> None:
    understood = Tongues(lambda _: "de", Translator(Model(trouble))).understood(GERMAN)
    assert (understood.question, understood.failed) == (GERMAN, True)
    assert "could not translate" in understood.notice


def test_an_answer_stays_where_its_translation_fails() -> None:
    tongues = Tongues(lambda _: "de", Translator(Model({"1": ENGLISH.text}, ModelError("gone"))))
    told = tongues.told(answer(), GERMAN, tongues.understood(GERMAN))
    assert [(s.text, s.translation) for s in told.sentences] == [("Phenylalanine is raised.", "")]
