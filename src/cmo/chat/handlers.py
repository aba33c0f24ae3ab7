"""What the chat does when somebody comes, asks, rates, attaches papers, or takes the conversation along.

::

    message --attached papers--> the base
            --question--> leans on the last one? --> stages and sentences as they come --> answer, pages, source line
                                                                    '--a problem--> an apology that says what it was
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import chainlit as cl
from chainlit.types import ThreadDict

from cmo.chat import talk
from cmo.chat.follow import Before, followed
from cmo.chat.talk import Turn
from cmo.chat.telling import SYSTEM, Telling
from cmo.chat.words import Words, words_for
from cmo.client import AsyncClient, File
from cmo.client.shapes import Reply
from cmo.client.shapes_base import Outcome
from cmo.errors import NotFound, OracleError
from cmo.kit.clock import Clock

PAGES: Final = "/cmo"
"""Where this process hands on the service's page images."""
_MOST_TURNS: Final = 100
_LOOK_SECONDS: Final = 0.3
"""Between two words of how far an upload is."""
_RATE_AGAIN_SECONDS: Final = 0.5
"""The service writes an answer down within a quarter of a second."""


class Handlers:
    """Of all conversations.

    Args:
        client: asks the service.
        clock: for dates.
        person: who sits at this machine.
    """

    def __init__(self, client: AsyncClient, clock: Clock, person: str) -> None:
        self._client = client
        self._clock = clock
        self._person = person

    def register(self) -> None:
        """Let Chainlit call them."""
        cl.on_chat_start(self.begin)
        cl.on_chat_resume(self.resume)
        cl.on_message(self.hear)
        cl.header_auth_callback(self.known)
        cl.action_callback("export")(self.export)
        cl.action_callback("as_written")(self.ask_as_written)

    async def known(self, _headers: Any) -> cl.User | None:
        """Whoever reaches this machine's loopback is who sits at it."""
        return cl.User(identifier=self._person)

    async def begin(self) -> None:
        """A conversation begins."""
        await self._remember_system()
        await cl.Message(_words().ready, author=SYSTEM).send()

    async def resume(self, _thread: ThreadDict) -> None:
        """One is gone on with; what it was about came back with it."""
        await self._remember_system()

    async def hear(self, message: cl.Message) -> None:
        """Somebody says something."""
        await self._take_in([File(e.name, Path(e.path)) for e in message.elements if e.path])
        if question := message.content.strip():
            before = Before.read(cl.user_session.get("before"))
            await self._answer(question, followed(question, before) or question)

    async def ask_as_written(self, action: cl.Action) -> None:
        """A question that was taken for a follow-up, and was none."""
        await action.remove()
        question = str(action.payload["question"])
        await self._answer(question, question)

    async def export(self, _action: cl.Action) -> None:
        """The conversation as Markdown, its references as BibTeX."""
        from cmo import wire  # noqa: PLC0415 - most conversations are not taken along
        from cmo.answer.bibliography import Style, bibliography  # noqa: PLC0415

        turns = _turns()
        text = talk.exported(turns, f"{self._clock.now():%Y-%m-%d}", _words())
        papers = bibliography([wire.paper_of(facts) for facts in talk.cited(turns)], Style.BIBTEX)
        files = [cl.File(name="conversation.md", content=text.encode(), mime="text/markdown")]
        if papers:
            files.append(cl.File(name="references.bib", content=papers.encode(), mime="application/x-bibtex"))
        await cl.Message(_words().exported, author=SYSTEM, elements=files).send()

    async def rate(self, answer_id: str, rating: int, comment: str) -> None:
        """What somebody thinks of an answer goes to the service.

        Raises:
            OracleError: the service does not take it.
        """
        try:
            await self._client.feedback(answer_id, rating, comment, user=self._person)
        except NotFound:
            await asyncio.sleep(_RATE_AGAIN_SECONDS)
            await self._client.feedback(answer_id, rating, comment, user=self._person)

    async def _remember_system(self) -> None:
        """The session as the documents name its keys."""
        for name in ("lightrag_system", "rag_system"):
            cl.user_session.set(name, self._client)
        cl.user_session.set("user_id", self._person)
        try:
            flags = (await self._client.releases())["flags"]
        except OracleError:
            flags = []  # who may not see them, or a service that is not there: the first question tells
        cl.user_session.set("feature_flags", flags)

    async def _answer(self, question: str, asked: str) -> None:
        words = _words()
        telling = Telling(words)
        try:
            await telling.begin()
            if asked != question:
                await telling.note(
                    f"{words.follows}: {talk.plain(asked)}",
                    [cl.Action(name="as_written", payload={"question": question}, label=words.as_written)],
                )
            async for event in self._client.stream(asked, user=self._person):
                await telling.hear(event)
            if telling.reply is not None:
                await self._conclude(telling, telling.reply, question, asked)
        except OracleError as error:
            await telling.apologise(str(error))

    async def _conclude(self, telling: Telling, reply: Reply, question: str, asked: str) -> None:
        words = _words()
        shown = [
            cl.Image(name=page.name, url=f"{PAGES}{page.address}", display="side", size="large")
            for page in talk.pages(reply["evidence"])
        ]
        text = talk.answer(reply, words)
        export = cl.Action(name="export", payload={}, label=words.export, icon="download")
        await telling.end(text, shown, [export], reply)
        leaning_on = Before.read(cl.user_session.get("before")) if asked != question else None
        cl.user_session.set("before", Before.of(asked, reply, leaning_on).told())
        turn = Turn(question, asked, text, tuple(dict(cited) for cited in reply["citations"]))
        cl.user_session.set("turns", [*(t.told() for t in _turns()), turn.told()][-_MOST_TURNS:])

    async def _take_in(self, files: Sequence[File]) -> None:
        if not files:
            return
        words = _words()
        names = ", ".join(talk.plain(file.name) for file in files)
        message = cl.Message(f"{words.adding} {names} …", author=SYSTEM)
        await message.send()
        try:
            outcomes = await self._upload(files, message)
        except OracleError as error:
            message.content = f"{words.sorry} {talk.plain(str(error))}"
        else:
            message.content = "\n".join(_told(outcome, words) for outcome in outcomes)
        await message.update()

    async def _upload(self, files: Sequence[File], message: cl.Message) -> list[Outcome]:
        """Send papers, and say now and then how far that is."""
        sent, begun = 0.0, message.content

        def told(some: int, total: int) -> None:
            nonlocal sent
            sent = some / total

        sending = asyncio.ensure_future(self._client.upload(*files, progress=told))
        try:
            while not (await asyncio.wait({sending}, timeout=_LOOK_SECONDS))[0]:
                message.content = f"{begun} {sent:.0%}"
                await message.update()
        finally:
            sending.cancel()  # nothing, where it is done
        return (await sending)["outcomes"]


def _told(outcome: Outcome, words: Words) -> str:
    name = talk.plain(outcome["source"])
    if outcome["status"] == "refused":
        return f"❌ {name}: {words.refused}. {talk.plain(outcome['detail'])} {talk.plain(outcome['remedy'])}"
    return f"✅ {name}: {words.added}. {talk.plain(outcome['title'])}"


def _words() -> Words:
    """Those of the browser's language."""
    environ = getattr(cl.context.session, "environ", None) or {}
    return words_for(str(environ.get("HTTP_ACCEPT_LANGUAGE", "")))


def _turns() -> list[Turn]:
    """Of this conversation."""
    kept = cl.user_session.get("turns")
    return [turn for facts in kept if (turn := Turn.read(facts))] if isinstance(kept, list) else []
