"""What the chat says, and what it takes for a follow-up; no Chainlit is needed for that."""

from typing import Any, cast

import pytest

from cmo.chat import talk
from cmo.chat.follow import Before, followed
from cmo.chat.talk import Turn
from cmo.chat.words import DEEP, ENGLISH, FRENCH, GERMAN, PROCESSING, words_for
from cmo.client.shapes import Deep, Reply

EVIL = "<script>alert(1)</script> ![x](http://evil.example/a.png) | *bold* [1 · p. 9](x) www.evil.example"


def piece(key: str, number: int, page: int, **more: Any) -> dict[str, Any]:
    image = f"/papers/p{number}/pages/{page}.png?evidence={key}"
    return {"id": key, "citation": number, "page": page, "image": image, "url": "", **more}


def cited(number: int, **more: Any) -> dict[str, Any]:
    paper = {"paper_id": f"p{number}", "version": 1, "title": "Markers", "authors": ["A", "B"], "source": "a.pdf"}
    return {**paper, "number": number, "journal": "J", "year": 2020, "doi": "10.1/x", **more}


def reply(**more: Any) -> Reply:
    facts = {
        "refusal": None,
        "notice": "",
        "relations": [],
        "enrichment": None,
        "source": "lightrag",
        "quality": None,
        "evidence": [piece("a", 1, 3), piece("b", 1, 3), piece("c", 2, 1)],
        "sentences": [
            {"text": "Leucine rises.", "translation": "", "citations": [1], "evidence": ["a", "b"]},
            {"text": "So does valine.", "translation": "Valin auch.", "citations": [2], "evidence": ["c"]},
        ],
        "citations": [cited(1), cited(2, doi="")],
    }
    return cast("Reply", {**facts, **more})


def test_each_sentence_ends_with_the_pages_that_it_stands_on() -> None:
    text = talk.answer(reply(), ENGLISH)
    assert text.startswith("Leucine rises. ‹1 · p. 3› Valin auch. (“So does valine.”) ‹2 · p. 1›")
    assert "1. A et al. Markers. J. 2020. doi:10.1/x" in text
    assert "2. A et al. Markers. J. 2020.\n" in text + "\n"
    assert (
        talk.sentence({**reply()["sentences"][0], "evidence": reply()["evidence"][:2]}) == "Leucine rises. ‹1 · p. 3›"
    )


def test_a_page_is_shown_once_with_all_its_sentences_highlighted() -> None:
    assert [(page.name, page.address) for page in talk.pages(reply()["evidence"])] == [
        ("‹1 · p. 3›", "/papers/p1/pages/3.png?evidence=a&evidence=b"),
        ("‹2 · p. 1›", "/papers/p2/pages/1.png?evidence=c"),
    ]
    assert talk.pages([piece("w", 1, 0, image="", url="https://x.example")]) == []  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://x.example/a_(b)?q=1", "A. [‹1 · web›](https://x.example/a_%28b%29?q=1)"),
        ("https://x.example/) [x](y", "A. [‹1 · web›](https://x.example/%29%20%5Bx%5D%28y)"),
        ("javascript:alert(1)", "A. ‹1 · web›"),
    ],
)
def test_a_page_of_the_web_is_a_link(url: str, told: str) -> None:
    said = {"text": "A.", "translation": "", "evidence": [piece("w", 1, 0, image="", url=url)]}
    assert talk.sentence(said) == told


def test_what_a_paper_says_stays_text() -> None:
    from markdown_it import MarkdownIt

    sentences = [{"text": EVIL, "translation": "", "citations": [1], "evidence": []}]
    relation = {"subject": {"name": EVIL}, "object": {"name": "b"}, "relation": "raised_in", "probability": 0.5}
    said = reply(
        sentences=sentences,
        citations=[cited(1, title=EVIL, authors=[EVIL], journal=EVIL, doi=EVIL)],
        relations=[{**relation, "papers_for": 1, "papers_against": 0}],
        notice=EVIL,
    )
    text = talk.answer(said, ENGLISH)
    shown = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<a " not in shown
    assert shown.count("<td") == 4, "a bar in a name does not make a column"
    assert "alert(1)" in shown


def test_an_answer_in_steps_tells_what_sources_do_not_agree_on_and_what_got_no_answer() -> None:
    ordinary = {"relations", "enrichment", "quality"}
    told = {key: value for key, value in reply().items() if key not in ordinary}
    gaps = [{"question": "What of <b>C8</b>?", "why": "No paper says."}]
    said = cast("Deep", {**told, "gaps": gaps, "disputes": [{"text": "Raised, and lowered.", "evidence": []}]})
    text = talk.answer(said, ENGLISH)
    assert "**What the papers do not agree on**\n\n- Raised, and lowered." in text
    assert "**What got no answer**\n\n- What of \\<b\\>C8\\</b\\>? No paper says." in text
    assert text.index("Leucine rises.") < text.index("do not agree") < text.index("**References**")
    assert talk.source_line(said, ENGLISH) == "🧠 LightRAG Knowledge Graph"
    assert Before.of("a?", said) == Before("a?")


def test_every_language_names_the_deep_way_and_each_stage() -> None:
    for words in (ENGLISH, GERMAN, FRENCH, words_for("es")):
        assert words.deep in DEEP
        assert words.processing in PROCESSING
        assert words.stages.keys() == ENGLISH.stages.keys()


def test_a_refusal_says_why_and_what_came_nearest() -> None:
    refusal = {"reason": "thin", "message": "The papers do not say.", "searched": 3, "nearest": [cited(1)]}
    text = talk.answer(reply(refusal=refusal, sentences=[], evidence=[], citations=[]), ENGLISH)
    assert "The papers do not say." in text
    assert "What came nearest" in text


@pytest.mark.parametrize(
    ("source", "quality", "line"),
    [
        ("lightrag", None, "🧠 LightRAG Knowledge Graph"),
        ("lightrag", {"indicator": "⭐ Good"}, "🧠 LightRAG Knowledge Graph | Quality: ⭐ Good"),
        ("perplexity_fallback", {"indicator": "Fair"}, "🌐 Perplexity Search | Quality: Fair"),
        ("none", None, "🚫"),
    ],
)
def test_the_source_line_is_that_of_the_documents(source: str, quality: Any, line: str) -> None:
    assert talk.source_line(reply(source=source, quality=quality), ENGLISH) == line


@pytest.mark.parametrize(
    ("question", "concepts", "asked"),
    [
        ("And in women?", ("MSUD", "leucine"), "And in women (MSUD, leucine)?"),
        ("what about newborns", ("MSUD",), "what about newborns (MSUD)?"),
        ("Is it treated by diet?", ("PKU",), "Is it treated by diet (PKU)?"),
        ("Und bei Frauen?", ("PKU",), "Und bei Frauen (PKU)?"),
        ("And in women?", (), "What is raised in MSUD, and in women?"),
        ("And is leucine raised in MSUD?", ("MSUD", "valine"), None),
        ("What is raised in phenylketonuria?", ("MSUD",), None),
        ("And " + "so on " * 12, ("MSUD",), None),
        ("Android apps for diets?", ("MSUD",), None),
    ],
)
def test_a_follow_up_is_asked_with_what_it_refers_to(
    question: str, concepts: tuple[str, ...], asked: str | None
) -> None:
    assert followed(question, Before("What is raised in MSUD?", concepts)) == asked
    assert followed(question, None) is None


def test_concepts_stay_with_a_chain_of_follow_ups() -> None:
    told = reply(enrichment={"concepts": [{"name": name} for name in "abcdef"]})
    first = Before.of("a?", told)
    assert first.concepts == ("a", "b", "c", "d")
    assert Before.of("b?", reply(), first).concepts == first.concepts
    assert Before.of("b?", reply()).concepts == ()
    assert Before.read(first.told()) == first
    assert Before.read({"question": 1}) is None


def test_a_conversation_is_taken_along_with_each_paper_once() -> None:
    turns = [Turn("A?", "A?", "Text.", (cited(1), cited(2))), Turn("B?", "B (a)?", "More.", (cited(2),))]
    text = talk.exported(turns, "2026-11-21", ENGLISH)
    assert text.startswith(
        "# Clinical Metabolomics Oracle, 2026-11-21\n\n## A?\n\nText.\n\n## B?\n\n*Taken as a follow-up"
    )
    assert [paper["paper_id"] for paper in talk.cited(turns)] == ["p1", "p2"]
    assert [Turn.read(turn.told()) for turn in turns] == turns
    assert Turn.read(None) is None


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", GERMAN),
        ("it, fr;q=0.5", FRENCH),
        ("en;q=0.1, de;q=0.9", GERMAN),
        ("", ENGLISH),
        ("de;q=much", ENGLISH),
        ("xx" * 10_000, ENGLISH),
    ],
)
def test_the_chat_speaks_the_language_of_the_browser(header: str, words: object) -> None:
    assert words_for(header) is words
