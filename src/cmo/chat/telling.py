"""One answer, told as it comes: a line that says what is going on, steps, sentences, and at the end the whole.

::

    "Processing …" --> step, step, ... --> sentence, sentence, ... --> the whole answer, its pages --> where it comes from
                              |--withdrawn--> sentences anew
                              '--a problem, or stopped--> that, and what can be done

A step of an ordinary question is told as it begins, one of a deep question when it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import chainlit as cl
from chainlit.utils import utc_now

from cmo.chat import talk
from cmo.chat.words import Words
from cmo.client import Event
from cmo.client.shapes import Deep, Reply

SYSTEM: Final = "System"
_WITHDRAWN: Final = "withdrawn"


class Telling:
    """Of one answer.

    Args:
        words: of the language.
        deep: whether the question is a deep one.
    """

    def __init__(self, words: Words, *, deep: bool = False) -> None:
        self.reply: Reply | Deep | None = None
        self._words = words
        self._deep = deep
        self._since = ""
        self._line = cl.Message(words.processing, author=SYSTEM)
        self._answer = cl.Message("")
        self._step: cl.Step | None = None

    async def begin(self) -> None:
        """Say at once that the question is heard."""
        self._since = utc_now()
        await self._line.send()

    async def note(self, text: str, actions: Sequence[cl.Action]) -> None:
        """Say something beside the answer."""
        await cl.Message(text, author=SYSTEM, actions=list(actions)).send()

    async def hear(self, event: Event) -> None:
        """Show what an event tells; those of unknown names tell nothing."""
        match event.name:
            case "stage":
                await self._begin_step(event.data)
                if self._deep:
                    await self._end_step()
            case "sentence":
                await self._answer.stream_token(f"{talk.sentence(event.data)} ")
            case "answer":
                self.reply = cast("Reply | Deep", event.data)

    async def end(
        self, text: str, pages: Sequence[cl.Image], actions: Sequence[cl.Action], reply: Reply | Deep
    ) -> None:
        """Show the whole answer in the place of its sentences, and where it comes from."""
        await self._end_step()
        answer = self._answer
        answer.content, answer.elements, answer.actions = text, list(pages), list(actions)
        answer.metadata = {"answer_id": reply["id"]}
        await answer.send()
        self._line.content = talk.source_line(reply, self._words)
        await self._line.update()
        # else they stand below those of the answer before; Chainlit's own word for it sends each of them once more
        told = {"elements": [page.to_dict() for page in answer.elements], "key": None}
        await cl.context.emitter.emit("set_sidebar_elements", told)

    async def apologise(self, why: str, actions: Sequence[cl.Action]) -> None:
        """Say that there is no answer, and why, and what can be done."""
        self._line.is_error = True
        await self._give_up(f"{self._words.sorry} {talk.plain(why)}", actions)

    async def stop(self, actions: Sequence[cl.Action]) -> None:
        """Say that it was stopped."""
        await self._give_up(self._words.stopped, actions)

    async def _give_up(self, text: str, actions: Sequence[cl.Action]) -> None:
        await self._end_step()
        if self._answer.content:
            await self._answer.update()  # what was said of it stays, in the history as well
        self._line.content, self._line.actions = text, list(actions)
        await self._line.update()

    async def _begin_step(self, data: dict[str, Any]) -> None:
        await self._end_step()
        if data.get("stage") == _WITHDRAWN:
            await self._answer.stream_token(" ", is_sequence=True)
        run = cl.context.current_step
        stage, text = str(data.get("stage", "")), str(data.get("text", ""))
        name = self._words.stages.get(stage) or text or stage
        step = cl.Step(name=name, type="tool", parent_id=run.id if run else None, show_input=False)
        step.output = text
        step.start = self._since if self._deep else utc_now()
        await step.send()
        self._step = step

    async def _end_step(self) -> None:
        if self._step is not None:
            self._step.end = self._since = utc_now()
            await self._step.update()
            self._step = None
