"""Signing in to the chat as on the pages: a real provider, a real service, a real browser; and whoever tries without."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from cmo.app import App
from cmo.web import create_api
from tests.acceptance.browsing import IN_A_BROWSER
from tests.chat.conftest import chatting, filled
from tests.integration import identity

pytestmark = [*IN_A_BROWSER, pytest.mark.model]

ASKED = "Which amino acids are raised in maple syrup urine disease?"


@contextmanager
def guarded(folder: Path, known: identity.Provider) -> Iterator[tuple[str, App]]:
    """Address of a service whose people are known to a provider of another site."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    known.issuer = f"http://localhost:{known.server_port}"
    known.back = f"{address}/login/oidc/callback"
    with filled(folder, ["maple-syrup-urine-disease"], **identity.settings(known, oidc_label="the lab")) as house:
        server = uvicorn.Server(uvicorn.Config(create_api(house), log_config=None, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield address, house
        finally:
            server.should_exit = True
            thread.join(20)


def sign_in(tab: Any, chat: str) -> str:
    """From the chat's first page to a conversation; returns the address by which the service sent the browser back."""
    tab.goto(f"{chat}/?from=here")
    assert tab.url == f"{chat}/cmo/login?next=/%3Ffrom%3Dhere"
    tab.get_by_role("link", name="Sign in", exact=True).click()
    tab.get_by_role("link", name="Sign in with the lab").click()
    yes = tab.get_by_role("link", name="Yes, go on")
    yes.wait_for()
    back = str(yes.get_attribute("href"))
    yes.click()
    tab.get_by_text("is ready!").wait_for()
    return back


def ask(tab: Any) -> None:
    tab.locator("#chat-input").click()
    tab.keyboard.type(ASKED)
    tab.keyboard.press("Enter")
    tab.get_by_text("References", exact=True).wait_for()


def test_people_are_in_the_chat_as_who_they_are_and_see_their_own_conversations(
    chat_command: Path, browser: Any, tmp_path: Path
) -> None:
    (tmp_path / "chat").mkdir()
    with (
        identity.provider() as known,
        guarded(tmp_path / "base", known) as (service, house),
        chatting(chat_command, service, tmp_path / "chat") as chat,
    ):
        known.person["groups"] = ["oracle-staff"]
        mias, noas = (browser.new_context(locale="en-US") for _ in range(2))
        for context in (mias, noas):
            context.set_default_timeout(20_000)
        mia = mias.new_page()
        back = sign_in(mia, chat)
        cookies = {cookie["name"].rpartition("-")[0]: cookie for cookie in mias.cookies(chat)}
        assert (cookies["cmo-chat"]["httpOnly"], cookies["cmo-chat"]["sameSite"]) == (True, "Lax")
        assert mia.evaluate("document.cookie") == ""
        ask(mia)
        mia.locator("#side-view-content img").first.wait_for()
        assert [answer.payer.user for answer in house.record.answers.recent(5)] == ["mia"]

        other = noas.new_page()
        other.goto(back)  # sent to somebody by whoever began it: used up, and of another browser
        other.get_by_text("begun in another browser").wait_for()
        assert httpx.get(f"{chat}/project/threads").status_code == 401

        read = "id => fetch('/project/thread/' + id).then(reply => reply.status)"
        thread = mia.url.rpartition("/")[2]
        assert mia.evaluate(read, thread) == 200
        known.person |= {"sub": "u-2", "preferred_username": "noa"}
        mias.clear_cookies(name="cmo-chat-" + chat.rpartition(":")[2])  # Chainlit's own stays, and is hers
        mias.clear_cookies(name="cmo")
        sign_in(mia, chat)
        assert mia.evaluate("fetch('/user').then(reply => reply.json()).then(one => one.identifier)") == "noa"
        assert mia.evaluate(read, thread) == 401
        for context in (mias, noas):
            context.close()
