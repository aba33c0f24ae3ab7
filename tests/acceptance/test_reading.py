"""The pages beside the answer, in a real browser: a sentence on its page with what stands beside it, and the graph."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cmo.web import create_api
from tests.acceptance.browsing import IN_A_BROWSER, chromium, tab
from tests.acceptance.services import served_here
from tests.acceptance.test_page import ask, wait_for_image

SENTENCE = "Phenylalanine is raised in phenylketonuria."
EVIL = "<img src=x onerror=document.body.dataset.evil=1>"
TEXTS = {
    "one": f"{EVIL} Phenylketonuria in newborns\n\nNewborns were screened. {SENTENCE} Tyrosine is low in most of them.\n",
    "two": f"Another look at phenylketonuria\n\n{SENTENCE} It is so in plasma of patients at each visit {EVIL}.\n",
    "three": "Phenylketonuria, doubted\n\nPhenylalanine is not raised in phenylketonuria.\n",
}

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def address(base: Any) -> Iterator[str]:
    base.add(**TEXTS)
    with served_here(create_api(base.app)) as address:
        yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A fresh tab, in which nothing that was stored may run."""
    with tab(browser, address) as page:
        yield page
        assert page.evaluate("document.body.dataset.evil") is None
        assert page.locator("img[src=x]").count() == 0


@pytest.fixture
def evidence(base: Any, address: str) -> str:
    """The address of the sentence in the first paper."""
    assert address
    paper = next(one.ref for one in base.app.record.papers() if one.ref.source.endswith("one.txt"))
    start = base.app.record.text(paper).index(SENTENCE)
    return f"{paper.paper_id}.{paper.version}.{start}-{start + len(SENTENCE)}"


def test_a_sentence_is_shown_with_its_neighbours_and_what_other_papers_say(page: Any, evidence: str) -> None:
    page.goto(f"/read?evidence={evidence}")
    page.wait_for_selector(".stance")
    page.wait_for_function("() => document.querySelector('#image').naturalWidth > 500")
    assert page.locator("h1").inner_text().startswith("<img src=x")
    assert page.locator("#image").get_attribute("alt") == f"Page 1, with this sentence highlighted: {SENTENCE}"
    words = page.locator("#beside ol li").all_inner_texts()
    assert words[words.index(SENTENCE) - 1 :] == [
        "Newborns were screened.",
        SENTENCE,
        "Tyrosine is low in most of them.",
    ]
    others = dict(
        zip(
            page.locator("#beside ul .meta").all_inner_texts(),
            page.locator("#beside ul .words").all_inner_texts(),
            strict=True,
        )
    )
    assert next(words for meta, words in others.items() if "Another look" in meta) == SENTENCE
    assert next(meta for meta in others if "doubted" in meta).startswith("against")
    page.locator("#beside ol a").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('[aria-current=true]')?.textContent.startsWith('Tyrosine')")


def test_the_answer_leads_to_the_page_and_the_page_to_the_next(page: Any) -> None:
    ask(page, "What is raised in phenylketonuria?")
    wait_for_image(page)
    link = page.get_by_label("Read on").get_attribute("href")
    page.goto(link)
    page.wait_for_function("() => document.querySelector('#image').naturalWidth > 500")
    assert "Page 1 of" in page.locator("#number").inner_text()
    page.get_by_label("Zoom in").click()
    assert page.locator("#zoom").inner_text() == "130%"
    page.goto("/#library")
    page.locator(".papers .title").first.click()
    page.wait_for_selector("#two:not([hidden])")
    assert not page.locator("#beside").inner_text()


def test_what_is_not_there_is_said_and_nothing_else_breaks(page: Any) -> None:
    for path in ("/read?evidence=3fa2b1c0d9e1.1.1-9", "/read?evidence=../../etc/passwd", "/read?paper=<b>", "/read"):
        page.goto(path)
        page.wait_for_selector(".problem")
        assert page.locator("h1").inner_text() == "This cannot be shown"
    page.goto(f"/graph?concept={EVIL}")
    page.wait_for_selector(".problem")


def test_the_graph_is_drawn_told_in_words_and_gone_along_by_keys(page: Any) -> None:
    page.goto("/graph")
    page.get_by_label("Concept", exact=True).fill("PKU")
    page.keyboard.press("Enter")
    page.wait_for_selector("svg.drawing")
    assert "phenylketonuria" in page.locator("#notice").inner_text()
    told = page.locator(".told > li").first
    assert "phenylalanine" in told.inner_text()
    assert page.locator("blockquote.against").count() >= 1, "what speaks against it is shown, not averaged"
    assert told.locator("blockquote a").first.get_attribute("href").startswith("/read?evidence=")
    page.locator(".drawing .node:not(.main)").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('#notice').textContent.includes('phenylketonuria')")
    page.go_back()
    page.wait_for_function("() => document.querySelector('#notice').textContent.includes('phenylketonuria')")


def test_a_paper_is_replaced_by_its_newer_file_and_another_one_is_told(page: Any, tmp_path: Path) -> None:
    newer, other = tmp_path / "newer.txt", tmp_path / "other.txt"
    newer.write_text(TEXTS["two"].replace("each visit", "every visit"))
    other.write_text("On something else entirely\n\nMethionine is raised in homocystinuria.\n")
    page.goto("/#library")
    for file, fate in ((newer, "replaced"), (other, "added")):
        with page.expect_file_chooser() as chooser:
            page.get_by_label("Replace Another look").click()
        chooser.value.set_files([file])
        page.wait_for_function(f"() => document.querySelector('.fate')?.textContent === '{fate}'")
        told = page.locator(".upload").first.inner_text()
        assert ("Retract that one" in told) is (fate == "added")


def test_nothing_is_cut_off_and_every_page_is_light(browser: Any, address: str, evidence: str, tmp_path: Path) -> None:
    for width, scheme in ((1280, "light"), (360, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=address)
        page = context.new_page()
        for name, path in {
            "read": f"/read?evidence={evidence}",
            "graph": "/graph?concept=PKU",
            "library": "/#library",
        }.items():
            sent: list[int] = []
            listen = lambda reply, sent=sent: sent.append(len(reply.body())) if "/static/" in reply.url else None  # noqa: E731
            page.on("response", listen)
            page.goto("about:blank")
            page.goto(path)
            page.wait_for_load_state("networkidle")
            page.remove_listener("response", listen)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} is {wide} px wider than its window of {width}"
            assert 0 < sum(sent) < 100_000, name
            page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png")
        context.close()
