"""LightRAG in a process of its own: it prints, logs, reads `.env` and holds event loops, and all of that stays here.

Lines of JSON on stdin and stdout. A request ``{"id", "do", ...}`` is answered with ``{"id", "value"}`` or
``{"id", "error"}``. Vectors and completions are asked of the parent: ``{"call", "what", ...}`` is answered with
``{"call", "value"}`` or ``{"call", "error"}``. Run as a script, so that it needs LightRAG and numpy and nothing of ours.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np
from lightrag import LightRAG, QueryParam
from lightrag.base import DocStatus
from lightrag.utils import EmbeddingFunc, Tokenizer

LINE_BYTES = 1 << 28
_PIECE = re.compile(r"\s*[^\W\d_]{1,6}|\s*\d{1,3}|\s*[^\w\s]|\s*_|\s+")
BETWEEN = "\n\n"
"""Stands between the passages of a document, and in none of them."""


class Pieces:
    """A tokenizer without a vocabulary to download: runs of six letters, of three digits, single signs.

    It counts some more tokens than the models' own do, so that what fits by it fits. Nothing is lost: the pieces of a
    text are the text.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._pieces: list[str] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Pieces:
        return self

    def encode(self, content: str) -> list[int]:
        """Numbers of its pieces, given as they come."""
        return [self._number(piece) for piece in _PIECE.findall(content)]

    def decode(self, tokens: list[int]) -> str:
        """The pieces together."""
        return "".join(self._pieces[token] for token in tokens)

    def _number(self, piece: str) -> int:
        number = self._numbers.get(piece)
        if number is None:
            self._pieces.append(piece)
            number = self._numbers.setdefault(piece, len(self._pieces) - 1)
        return number


class Parent:
    """The other end of the pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)

    def say(self, line: dict[str, Any]) -> None:
        """Send a line at once."""
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()

    async def ask(self, what: str, **said: Any) -> Any:
        """Have the parent do what only it can."""
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.say({"call": number, "what": what, **said})
        return await future

    def hear(self, line: dict[str, Any]) -> None:
        """Take an answer to a call."""
        future = self._waiting.pop(line["call"])
        if future.done():
            return
        if "error" in line:
            future.set_exception(RuntimeError(line["error"]))
        else:
            future.set_result(line["value"])


class Worker:
    """Does what the parent asks, with one LightRAG."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._rag: Any = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Worker:  # LightRAG copies its settings, and with them our methods
        return self

    async def do(self, request: dict[str, Any]) -> None:
        """Answer one request, with its value or with what went wrong."""
        number, what = request.pop("id"), request.pop("do")
        try:
            value = await getattr(self, f"do_{what}")(**request)
        except Exception as error:  # noqa: BLE001 - the library raises what it likes; the parent makes one error of it
            self._parent.say({"id": number, "error": f"{type(error).__name__}: {error}"})
        else:
            self._parent.say({"id": number, "value": value})

    async def do_open(
        self, *, folder: str, dimension: int, model: str, chat: str, seconds: int, at_once: int, rounds: int
    ) -> dict[str, Any]:
        """Open or make the index in a folder."""
        self._rag = LightRAG(
            working_dir=folder,
            tokenizer=Tokenizer("pieces", Pieces()),
            chunking_func=passages,
            embedding_func=EmbeddingFunc(embedding_dim=dimension, func=self._embed, model_name=model),
            embedding_batch_num=128,
            default_embedding_timeout=seconds,
            llm_model_func=self._complete,
            llm_model_name=chat,
            llm_model_max_async=at_once,
            default_llm_timeout=seconds,
            entity_extract_max_gleaning=rounds,
        )
        await self._rag.initialize_storages()
        return await self.do_held()

    async def do_held(self) -> dict[str, Any]:
        """Ids of the documents that were read to the end."""
        held = await self._rag.doc_status.get_docs_by_statuses([DocStatus.PROCESSED])
        return {"documents": sorted(held)}

    async def do_insert(self, *, document: str, name: str, passages: list[str]) -> dict[str, Any]:
        """Read one document: vectors, entities, relations."""
        rag = self._rag
        if await rag.doc_status.get_by_id(document):  # it failed before; LightRAG takes the same document once
            await self.do_remove(documents=[document])
        await rag.ainsert(BETWEEN.join(passages), ids=[document], file_paths=[name])
        status = await rag.doc_status.get_by_id(document) or {}
        return {"state": str(status.get("status", "")).rpartition(".")[2].lower(), "error": status.get("error_msg")}

    async def do_remove(self, *, documents: list[str]) -> dict[str, Any]:
        """Forget documents, and of the graph what rests on them alone."""
        for document in documents:
            done = await self._rag.adelete_by_doc_id(document)
            if done.status not in {"success", "not_found"}:
                raise RuntimeError(done.message)
        return await self.do_held()

    async def do_ask(self, *, question: str, mode: str, passages: int, answer: bool) -> dict[str, Any]:
        """What LightRAG finds, and what its model makes of it."""
        param = QueryParam(mode=mode, chunk_top_k=passages, enable_rerank=False)
        if not answer:
            return {"data": _plain(await self._rag.aquery_data(question, param)), "answer": ""}
        found = await self._rag.aquery_llm(question, param)
        said = found.get("llm_response") or {}
        return {"data": _plain(found), "answer": said.get("content") or ""}

    async def _embed(self, texts: list[str]) -> np.ndarray:
        packed = await self._parent.ask("embed", texts=list(texts))
        return np.frombuffer(base64.b64decode(packed), np.float32).reshape(len(texts), -1).copy()

    async def _complete(
        self, prompt: str, system_prompt: str | None = None, history_messages: Any = None, **_: Any
    ) -> str:
        turns = [{"role": "system", "content": system_prompt}] if system_prompt else []
        turns += [*(history_messages or []), {"role": "user", "content": prompt}]
        return str(await self._parent.ask("chat", messages=turns))


def passages(_tokenizer: Any, content: str, *_: Any, **__: Any) -> list[dict[str, Any]]:
    """The passages that a document was made of: LightRAG reads and cites what we read and cite."""
    return [
        {"tokens": len(_PIECE.findall(text)), "content": text, "chunk_order_index": n}
        for n, text in enumerate(content.split(BETWEEN))
    ]


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """What was found, less what only LightRAG needs."""
    data = found.get("data") or {}
    return {
        "chunks": [_of(c, "content", "file_path") for c in data.get("chunks", [])],
        "entities": [_of(e, "entity_name", "entity_type", "file_path") for e in data.get("entities", [])],
        "relationships": [_of(r, "src_id", "tgt_id", "keywords", "file_path") for r in data.get("relationships", [])],
    }


def _of(item: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: str(item.get(name) or "") for name in names}


async def serve(out: TextIO) -> None:
    """Until stdin ends."""
    parent = Parent(out)
    worker = Worker(parent)
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running: set[asyncio.Task[None]] = set()
    parent.say({"ready": True})
    while raw := await reader.readline():
        line = json.loads(raw)
        if "call" in line:
            parent.hear(line)
            continue
        task = asyncio.create_task(worker.do(line))
        running.add(task)
        task.add_done_callback(running.discard)


def main(run: Callable[[Any], Any] = asyncio.run) -> None:
    """Keep stdout for the protocol; whatever prints prints to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    run(serve(out))


if __name__ == "__main__":
    main()
