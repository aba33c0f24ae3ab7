"""Whoever goes where nothing is, or where they may not, sees a page; programs get problem details."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cmo.web import create_api
from cmo.web.problems import MEDIA_TYPE

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    api = create_api(base.app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as client:
        yield client
    await api.state.desk.aclose()


@pytest.mark.parametrize("path", ["/nowhere", "/papers?limit=many"])
async def test_a_browser_is_told_in_a_page_what_a_program_is_told(http: httpx.AsyncClient, path: str) -> None:
    told, seen = await http.get(path), await http.get(path, headers=BROWSER)
    assert (told.headers["content-type"], told.status_code) == (MEDIA_TYPE, seen.status_code)
    assert seen.headers["content-type"].startswith("text/html")
    words = told.json()["detail"].replace("'", "&#x27;")
    assert words in seen.text
    assert told.json()["title"] in seen.text
    assert '<nav aria-label="Main">' in seen.text
    assert "$" not in seen.text


async def test_an_address_is_shown_and_not_run(http: httpx.AsyncClient) -> None:
    page = (await http.get("/<script>alert(1)</script>$detail", headers=BROWSER)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$detail" in page


async def test_a_change_that_is_refused_stays_a_problem(http: httpx.AsyncClient) -> None:
    assert (await http.post("/nowhere", headers=BROWSER)).headers["content-type"] == MEDIA_TYPE
