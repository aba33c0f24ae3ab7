"""The page in a real browser: ask, follow a sentence to its page, add a paper, retract it; by mouse, keys and address."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.testing import NEVER
from cmo.web import create_api
from tests.acceptance.browsing import IN_A_BROWSER, chromium, tab
from tests.acceptance.services import FIRST, SECOND, Speaker, served_here

LIBRARY = Path(__file__).parents[2] / "library" / "pdf"
NOTES = ("maple-syrup-urine-disease.pdf", "phenylketonuria.pdf", "trimethylamine-and-tmao.pdf")
ASKED = "Which amino acids are raised in maple syrup urine disease?"

pytestmark = IN_A_BROWSER


@contextmanager
def served(base: Any) -> Iterator[str]:
    """Address of a service over a base with three notes."""
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
    with base.app.pipeline(2) as pipeline:
        told = list(base.app.curator.ingest(pipeline, [LIBRARY / name for name in NOTES]))
    assert [outcome.status for outcome in told] == ["added"] * 3
    with served_here(create_api(base.app)) as address:
        yield address


@pytest.fixture
def address(base: Any) -> Iterator[str]:
    with served(base) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with tab(browser, address) as page:
        yield page


def ask(page: Any, question: str = ASKED) -> None:
    page.goto("/")
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    page.wait_for_selector(".facts, .refusal, #notice .problem")


def wait_for_image(page: Any) -> None:
    page.wait_for_function(
        "() => { const i = document.querySelector('#page'); return !i.hidden && i.naturalWidth > 500 }"
    )


def test_a_sentence_leads_to_the_page_that_it_is_printed_on(page: Any) -> None:
    ask(page)
    sentences = page.locator(".sentence")
    assert sentences.count() > 1
    wait_for_image(page)
    assert sentences.first.get_attribute("aria-current") == "true"
    first = page.locator("#page").get_attribute("src")
    sentences.last.click()
    wait_for_image(page)
    assert sentences.last.get_attribute("aria-current") == "true"
    assert page.locator("#page").get_attribute("src") != first
    assert page.locator("#page").get_attribute("alt").startswith("Page 1, with this sentence highlighted: ")
    page.get_by_label("Previous evidence").click()
    assert sentences.last.get_attribute("aria-current") is None


def test_an_answer_can_be_rated_and_its_references_taken_along(page: Any, base: Any) -> None:
    ask(page)
    time.sleep(0.5)  # answers are written down a moment later
    page.get_by_role("button", name="Yes").click()
    page.wait_for_function("() => document.querySelector('.rating').textContent === 'Thank you.'")
    assert [rating.score for rating in base.app.record.answers.ratings()] == [5]
    with page.expect_download() as download:
        page.get_by_role("link", name="BibTeX").click()
    assert download.value.path().read_text("utf-8").startswith("@")


def test_the_highlight_is_scrolled_into_view_at_every_zoom(page: Any) -> None:
    ask(page)
    for _ in range(5):
        wait_for_image(page)
        shown = page.evaluate(
            """async () => {
              const image = document.querySelector('#page'), sheet = document.querySelector('#sheet');
              const id = decodeURIComponent(image.src.split('evidence=')[1]);
              const box = (await (await fetch(`/evidence/${id}`)).json()).boxes[0];
              const y = box.y0 * 2 * image.clientWidth / image.naturalWidth - sheet.scrollTop;
              return y >= 0 && y < sheet.clientHeight;
            }"""
        )
        assert shown
        if page.get_by_label("Zoom in").is_disabled():
            break
        page.get_by_label("Zoom in").click()
    assert page.locator("#zoom").inner_text() == "300%"


def test_the_page_can_be_used_by_keys_alone(page: Any) -> None:
    page.goto("/")
    page.wait_for_selector(".examples button")
    page.keyboard.press("/")
    page.keyboard.type(ASKED)
    page.keyboard.press("Enter")
    page.wait_for_selector(".facts")
    page.locator(".sentence").last.focus()
    page.keyboard.press("Enter")
    assert page.locator(".sentence").last.get_attribute("aria-current") == "true"
    assert page.url.count("/?q=") == 1


def test_an_address_holds_the_question_and_its_options(page: Any) -> None:
    page.goto("/?q=What+is+raised+in+phenylketonuria%3F&mode=naive&year_from=1990&section=results")
    page.wait_for_selector(".facts, .refusal")
    assert page.get_by_label("Your question").input_value() == "What is raised in phenylketonuria?"
    assert page.locator("#options-count").inner_text() == "(3 set)"
    ask(page)
    page.go_back()
    page.go_back()
    page.wait_for_selector(".facts, .refusal")
    assert page.get_by_label("Your question").input_value() == "What is raised in phenylketonuria?"


def test_a_refusal_says_so_and_names_the_nearest(page: Any) -> None:
    ask(page, "Who wrote the Iliad?")
    assert "do not say enough" in page.locator(".refusal").inner_text()
    assert page.locator(".sources li").count() >= 1
    assert not page.locator("#evidence").is_visible()


def test_the_first_sentence_can_be_read_while_a_model_still_writes(browser: Any, open_base: Any) -> None:
    settings = {"answers": "generated", "llm_model": "m", "llm_local": True, "delivery": False}
    with Speaker() as speaker, open_base(llm_url=speaker.url, **settings) as base:
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        base.add(msud=f"Maple syrup urine disease and its markers\n\n{FIRST}{SECOND}\n")
        with served_here(create_api(base.app)) as address:
            page = browser.new_page(base_url=address)
            page.goto("/")
            page.get_by_label("Your question").fill(ASKED)
            page.keyboard.press("Enter")
            page.wait_for_selector(".sentence")
            assert page.locator(".sentence").all_inner_texts() == [FIRST.strip()]
            assert page.locator("#answer").get_attribute("aria-busy") == "false"  # it is read out
            assert page.locator("#answer").get_attribute("aria-live") == "polite"
            assert page.locator(".facts").count() == 0
            speaker.may_go_on.set()
            page.wait_for_selector(".facts")
            assert page.locator(".sentence").all_inner_texts() == [FIRST.strip(), SECOND.strip()]
            taken_back = "import('/static/answer.js').then((m) => m.stage({stage: 'withdrawn', text: 'Another one.'}))"
            page.evaluate(taken_back)
            assert page.locator(".sentence").count() == 0
            assert page.locator("#notice [role=status]").inner_text() == "Another one."
            page.close()


def test_what_the_router_says_of_a_question_is_shown(browser: Any, open_base: Any) -> None:
    with open_base(routing=True) as base, served(base) as address:
        page = browser.new_page(base_url=address)
        ask(
            page,
            "My doctor gave me metformin and my creatinine is 2.1. Should I stop, or can I take half? I am worried.",
        )
        refusal = page.locator(".refusal").inner_text()
        assert "ask a physician" in refusal
        assert "do not say enough" not in refusal
        ask(page, "What is the latest news on phenylketonuria this year?")
        assert "No web engine is set up" in page.locator("#notice .note").inner_text()
        page.close()


def test_a_question_that_fails_can_be_tried_again(page: Any) -> None:
    page.route("**/query", lambda route: route.fulfill(status=503, content_type="application/problem+json",
               body='{"title": "The model is gone", "detail": "Install it.", "request_id": "abc"}'), times=1)  # fmt: skip
    ask(page)
    assert "The model is gone" in page.locator("#notice .problem").inner_text()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".facts")
    assert page.locator("#notice .problem").count() == 0


def test_a_paper_can_be_added_asked_and_retracted(page: Any, tmp_path: Path) -> None:
    paper = tmp_path / "new <b>paper.txt"
    paper.write_text(
        "<img src=x onerror=alert(1)> on sarcosine\n\nSarcosine is raised in sarcosinaemia. It is harmless in most.\n"
    )
    page.goto("/#library")
    page.wait_for_selector(".papers .title")
    assert page.locator(".papers .title").count() == 3
    page.locator("#files").set_input_files([paper, LIBRARY / NOTES[0]])
    page.wait_for_selector(".fate")
    assert page.locator(".fate").all_inner_texts() == ["added", "unchanged"]
    page.wait_for_function("() => document.querySelectorAll('.papers .title').length === 4")
    assert page.locator(".papers .title").first.inner_text().startswith("<img src=x")
    assert page.locator(".papers img").count() == 0
    page.get_by_label("Retract <img").click()
    page.get_by_role("button", name="Retract", exact=True).last.click()
    assert page.locator("#retract").is_visible(), "a reason is required"
    page.get_by_label("Reason").fill("only a test")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.papers .title').length === 3")
    ask(page, "What is raised in sarcosinaemia?")
    assert page.locator(".refusal").count() == 1 or "Sarcosine" not in page.locator("#answer").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (360, 740)])
def test_nothing_is_cut_off_or_moves_at_any_size(
    browser: Any, address: str, scheme: str, size: tuple[int, int], tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, base_url=address)
    page = context.new_page()
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) "
        "if (!e.hadRecentInput) window.moved += e.value }).observe({ type: 'layout-shift', buffered: true })"
    )
    for name, path in {"home": "/", "answer": f"/?q={ASKED}", "library": "/#library", "interface": "/docs"}.items():
        page.goto("about:blank")
        page.goto(path)
        page.wait_for_load_state("networkidle")
        if name == "answer":
            page.wait_for_selector(".facts")
            wait_for_image(page)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} px wider than its window"
        if name in {"home", "answer"} and size[0] > 1000:
            assert page.evaluate("window.moved") < 0.1, f"{name} moves while it loads"
        page.screenshot(path=tmp_path / f"{name}-{size[0]}-{scheme}.png")
    context.close()
