"""What the chat does when somebody comes, asks, rates, attaches papers, or takes the conversation along.

::

    message --attached papers--> the base
            --question--> leans on the last one? --> stages and sentences as they come --> answer, pages, source line
                 '--deep: its thread is the conversation's           |--a problem--> an apology that says what it was
                                                                     '--stopped, or the line is lost--> it can be gone on with
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import chainlit as cl
from chainlit.data import get_data_layer
from chainlit.step import StepDict
from chainlit.types import ThreadDict
from chainlit.user_session import user_sessions
from starlette.requests import Request
from starlette.responses import Response

from cmo.chat import talk
from cmo.chat.follow import Before, followed
from cmo.chat.guests import Guests, guest
from cmo.chat.lines import alone, busy, tabs
from cmo.chat.talk import Turn
from cmo.chat.telling import SYSTEM, Telling
from cmo.chat.words import DEEP, PROCESSING, Words, words_for
from cmo.client import AsyncClient, Event, File
from cmo.client.shapes import Deep, Reply
from cmo.client.shapes_base import Outcome
from cmo.errors import BadQuestion, ExtraMissing, NotFound, NotNow, OracleError, OutOfTime, ServiceGone, ServiceRefused
from cmo.kit.clock import Clock
from cmo.model.questions import MAX_QUESTION_CHARS

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
        guests: who is in.
        clock: for dates.
        cookie: name of the cookie by which they are.
    """

    def __init__(self, guests: Guests, clock: Clock, cookie: str) -> None:
        self._guests = guests
        self._clock = clock
        self._cookie = cookie

    @property
    def _client(self) -> AsyncClient:
        return guest().client

    @property
    def _person(self) -> str:
        return guest().user

    def register(self) -> None:
        """Let Chainlit call them."""
        cl.on_chat_start(self.begin)
        cl.on_chat_resume(self.resume)
        cl.on_message(self.hear)
        cl.header_auth_callback(self.known)
        cl.on_logout(self.leave)
        cl.action_callback("export")(self.export)
        cl.action_callback("as_written")(self.ask_again)
        cl.action_callback("ordinary")(self.ask_again)
        cl.action_callback("go_on")(self.ask_again)

    async def known(self, _headers: Any) -> cl.User | None:
        """Whom the door let in."""
        return cl.User(identifier=guest().name)

    async def leave(self, request: Request, response: Response) -> None:
        """Somebody logs out."""
        await self._guests.leave(request.cookies.get(self._cookie, ""))
        response.delete_cookie(self._cookie, httponly=True, samesite="lax")

    async def begin(self) -> None:
        """A conversation begins."""
        await _offer()
        await cl.Message(_words().ready, author=SYSTEM).send()
        await self._remember_system()

    async def resume(self, thread: ThreadDict) -> None:
        """One is gone on with; what it was about came back with it, and what it was in the midst of can be ended."""
        await _offer()
        steps = thread["steps"]
        answers = [step["id"] for step in steps if (step.get("metadata") or {}).get("answer_id")]
        if answers:
            await _export().send(for_id=answers[-1])
        await self._remember_system()
        if not busy(cl.context.session):
            await _end_lines(steps)
            await self._offer_to_go_on(thread["id"], [step["id"] for step in steps if step["name"] == SYSTEM])

    async def hear(self, message: cl.Message) -> None:
        """Somebody says something."""
        await self._take_in([File(e.name, Path(e.path)) for e in message.elements if e.path])
        if question := message.content.strip():
            before = Before.read(cl.user_session.get("before"))
            asked = followed(question, before) or question
            await self._answer(question, asked, deep=message.command in DEEP)

    async def ask_again(self, action: cl.Action) -> None:
        """A question in another way: not as a follow-up, not deeply, or deeply from where it was left."""
        await action.remove()
        question = str(action.payload["question"])
        context = cl.context
        context.session.current_task = task = asyncio.ensure_future(
            self._answer(question, question, deep=bool(action.payload["deep"]))
        )
        await context.emitter.task_start()
        try:
            await asyncio.wait({task})  # as of a message, so that it can be stopped
        finally:
            await context.emitter.task_end()

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
        with alone():
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
        cl.user_session.set("user_id", guest().name)
        try:
            flags = (await self._client.releases())["flags"]
        except OracleError:
            flags = []  # who may not see them, or a service that is not there: the first question tells
        cl.user_session.set("feature_flags", flags)

    async def _offer_to_go_on(self, thread: str, lines: Sequence[str]) -> None:
        """At the last of some lines, where a deep question was begun and not ended."""
        try:
            begun = (await self._client.thread(thread))["unfinished"]
        except OracleError:
            return  # nothing was asked deeply here, or the service is not there
        if begun is not None and lines:
            question = str(begun["question"])
            await _again("go_on", f"{_words().go_on}: {question}", question, deep=True).send(for_id=lines[-1])

    async def _answer(self, question: str, asked: str, *, deep: bool) -> None:
        words = _words()
        telling = Telling(words, deep=deep)
        go_on = [_again("go_on", words.go_on, asked, deep=True)] if deep else []
        events = self._events(asked, deep=deep)
        first = asyncio.ensure_future(anext(events))  # the service is at work while the tab is told that it is
        try:
            await telling.begin()
            if asked != question:
                as_written = _again("as_written", words.as_written, question, deep=deep)
                await telling.note(f"{words.follows}: {talk.plain(asked)}", [as_written])
            await telling.hear(await first)
            async for event in events:
                await telling.hear(event)
            if telling.reply is not None:
                await self._conclude(telling, telling.reply, question, asked)
        except ExtraMissing as error:
            await telling.apologise(str(error), [_again("ordinary", words.ordinary, asked, deep=False)])
        except (ServiceGone, ServiceRefused, NotNow, OutOfTime) as error:
            await telling.apologise(str(error), go_on)
        except OracleError as error:
            await telling.apologise(str(error), [])
        except asyncio.CancelledError:
            await telling.stop(go_on)
            raise
        finally:
            first.cancel()  # nothing, where it came

    async def _events(self, asked: str, *, deep: bool) -> AsyncIterator[Event]:
        """What happens on the way to an answer. Deep questions of a conversation are one thread, which can be gone on with."""
        if len(asked) > MAX_QUESTION_CHARS:  # of one far longer the service would say that its body is
            most = f"at most {MAX_QUESTION_CHARS:,} can be asked"
            raise BadQuestion(f"The question has {len(asked):,} characters; {most}. Shorten it.")
        if deep:
            events = self._client.stream_deep(asked, thread=cl.context.session.thread_id, user=self._person)
        else:
            events = self._client.stream(asked, user=self._person)
        async for event in events:
            yield event

    async def _conclude(self, telling: Telling, reply: Reply | Deep, question: str, asked: str) -> None:
        words = _words()
        shown = [
            cl.Image(name=page.name, url=f"{PAGES}{page.address}", display="side", size="large")
            for page in talk.pages(reply["evidence"])
        ]
        text = talk.answer(reply, words)
        await telling.end(text, shown, [_export()], reply)
        leaning_on = Before.read(cl.user_session.get("before")) if asked != question else None
        turn = Turn(question, asked, text, tuple(dict(cited) for cited in reply["citations"]))
        turns = [*(t.told() for t in _turns()), turn.told()][-_MOST_TURNS:]
        session = cl.context.session
        for tab in tabs(session):  # any of them may be asked next
            known = user_sessions.setdefault(tab.id, {})
            known |= {"before": Before.of(asked, reply, leaning_on).told(), "turns": turns}
        if (layer := get_data_layer()) is not None:  # Chainlit waits with it until the line is lost
            await layer.update_thread(session.thread_id, metadata=session.to_persistable())

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


async def _offer() -> None:
    """The ways to ask, at the box to type in."""
    words = _words()
    deep = {"id": words.deep, "description": words.deep_about, "icon": "layers", "button": True, "persistent": True}
    await cl.context.emitter.set_commands([deep])


def _export() -> cl.Action:
    return cl.Action(name="export", payload={}, label=_words().export, icon="download")


def _again(name: str, label: str, question: str, *, deep: bool) -> cl.Action:
    return cl.Action(name=name, payload={"question": question, "deep": deep}, label=label)


async def _end_lines(steps: Iterable[StepDict]) -> None:
    """Say that nothing is being done any more where a process that was killed still says so."""
    layer = get_data_layer()
    for step in steps:
        if step["name"] == SYSTEM and step["output"] in PROCESSING:
            step["output"] = _words().stopped
            await layer.update_step(step)


def _words() -> Words:
    """Those of the browser's language."""
    environ = getattr(cl.context.session, "environ", None) or {}
    return words_for(str(environ.get("HTTP_ACCEPT_LANGUAGE", "")))


def _turns() -> list[Turn]:
    """Of this conversation."""
    kept = cl.user_session.get("turns")
    return [turn for facts in kept if (turn := Turn.read(facts))] if isinstance(kept, list) else []
