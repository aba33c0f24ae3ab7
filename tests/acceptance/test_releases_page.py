"""The page of releases in a real browser: where a rollout stands, what its gates saw, and taking it back by hand."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cmo.delivery.controller import Controller
from cmo.delivery.desk import Desk, Wish
from cmo.delivery.observed import nothing
from cmo.delivery.releases import release
from cmo.delivery.rollout import plan
from cmo.model.delivery import Observation
from cmo.web import create_api
from tests.acceptance.browsing import IN_A_BROWSER, chromium
from tests.acceptance.services import served_here

TOKEN = "a-token-of-some-length"

pytestmark = IN_A_BROWSER


@pytest.fixture
def served(open_base: Callable[..., Any]) -> Iterator[str]:
    """A service with a rollout that its gates have seen something of."""
    with open_base(delivery=True, admin_token=TOKEN) as base:
        store, clock = base.app.delivery, base.app.clock
        desk = Desk(store, clock)
        desk.keep(release("two-hops", {"max_hops": 2}, "<b>more</b> relations"), "ada", "")
        desk.start(Wish("two-hops", plan("fast"), "r1"), "ada", "try it")
        controller = Controller(store, clock)
        for batch in range(3):
            arms = (("new", 100, 1), ("control", 900, 5))
            told = [
                Observation(str(batch), "r1", 0, arm, 0.0, nothing() | {"requests": n, "made": n, "errors": failed})
                for arm, n, failed in arms
            ]
            store.observe(told, [])
            controller.step()
        with served_here(create_api(base.app)) as address:
            yield address


def test_a_rollout_is_seen_and_taken_back_by_who_has_the_token(served: str) -> None:
    faults: list[str] = []
    with chromium() as browser:
        page = browser.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: faults.extend([] if asked.url.startswith(served) else [asked.url]))
        page.goto(f"{served}/releases")
        page.wait_for_selector(".card")
        assert page.inner_text(".stages [aria-current]") == "10 %"
        assert "errors" in page.inner_text("#rollout table")
        assert page.locator(".plot svg polyline").count() == 5  # a curve for each gate, what answers cost among them
        assert "<b>more</b> relations" in page.inner_text("#known"), "what people wrote is shown as they wrote it"
        page.fill("input[name=actor]", "mia")
        page.fill("input[name=token]", "wrong")
        page.click("button[value=stop]")
        page.wait_for_selector("#told .problem")
        page.fill("input[name=token]", TOKEN)
        page.fill("input[name=reason]", "it lies")
        page.click("button[value=stop]")
        page.wait_for_function("() => document.getElementById('told').textContent.startsWith('back')")
        page.wait_for_selector(".phase.back")
        assert "it lies" in page.inner_text("#history")
    assert faults == []
