"""The parent's end of LightRAG's process: requests with a deadline, and what it asks back.

::

    request --> stdin --> worker.py --> value or error
                             └── "embed", "chat" --> our ports, in threads --> back to it

One request at a time. A process that does not answer in time is ended; the next request starts a fresh one. It gets
no environment of ours but a search path, works in its own folder, and its output goes to a file there.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmo.errors import EngineError, OracleError
from cmo.kit.files import exclusive
from cmo.model.chat import Message, Speaker
from cmo.model.outside import Chat
from cmo.model.ports import Embedder

WORKER = Path(__file__).with_name("worker.py")
START_SECONDS = 120.0
"""LightRAG's imports alone take ten seconds on a slow disk."""
_END_SECONDS = 5.0
_TAIL_CHARS = 2_000
_LOG = "lightrag.log"


@dataclass(frozen=True, slots=True)
class Limits:
    """What LightRAG may take."""

    ask_seconds: float = 180.0
    """For one question."""
    read_seconds: float = 3_600.0
    """For one paper."""
    call_seconds: float = 120.0
    """For one completion or batch of vectors."""
    most_tokens: int = 2_048
    """Of one completion."""
    at_once: int = 4
    """Completions under way together."""
    rounds: int = 0
    """Further rounds in which the model is asked what it missed; each costs as much as the first."""


@dataclass(slots=True)
class _Running:
    """A process, and what was asked of it."""

    popen: subprocess.Popen[bytes]
    threads: ThreadPoolExecutor
    lock: ExitStack
    waiting: dict[int, Future[Any]]
    ready: Future[Any]
    fault: OracleError | None = None
    """What our side could not do for it, since the request began."""


class Process:
    """LightRAG, started when it is first asked.

    Args:
        python: an interpreter that has LightRAG installed.
        folder: its own; it keeps its index and its log there.
        embedder: makes its vectors.
        chat: its language model.
        limits: what it may take.
    """

    def __init__(self, python: Path, folder: Path, embedder: Embedder, chat: Chat, limits: Limits) -> None:
        self._python = python
        self._folder = folder
        self._embedder = embedder
        self._chat = chat
        self._limits = limits
        self._numbers = itertools.count(1)
        self._alone = threading.Lock()
        self._writing = threading.Lock()
        self._running: _Running | None = None

    def request(self, do: str, seconds: float, **said: Any) -> Any:
        """Have something done, and what came of it.

        Raises:
            EngineError: LightRAG is not installed, failed, ended or took too long.
            ChatFailed: its language model could not be reached.
            EmbeddingFailed: its vectors could not be made.
            StoreLocked: another process of ours has its folder open.
        """
        with self._alone:
            running = self._running or self._start()
            running.fault = None
            value = self._result(running, self._send(running, do, said), do, seconds)
            if running.fault is not None:
                raise running.fault
            return value

    def close(self) -> None:
        """End it."""
        with self._alone:
            if self._running is not None:
                self._end(self._running)

    def _start(self) -> _Running:
        self._folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            held.enter_context(exclusive(self._folder / "lock", "LightRAG", wait=False))
            with (self._folder / _LOG).open("wb") as log:
                popen = subprocess.Popen(  # noqa: S603 - our own script, by an interpreter from the settings
                    [self._python, "-I", WORKER],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._folder,
                    env=_environment(self._folder),
                )
            threads = ThreadPoolExecutor(self._limits.at_once, thread_name_prefix="lightrag")
            running = _Running(popen, threads, held.pop_all(), {}, Future())
        self._running = running
        threading.Thread(target=self._listen, args=(running,), name="lightrag-listen", daemon=True).start()
        self._result(running, running.ready, "start", START_SECONDS)
        self._result(running, self._send(running, "open", self._opening()), "open", START_SECONDS)
        return running

    def _opening(self) -> dict[str, Any]:
        identity, limits = self._embedder.identity, self._limits
        return {
            "folder": str(self._folder.absolute()),
            "dimension": identity.dimension,
            "model": f"{identity.name}@{identity.digest}",
            "chat": self._chat.name,
            "seconds": int(limits.call_seconds) + 1,
            "at_once": limits.at_once,
            "rounds": limits.rounds,
        }

    def _send(self, running: _Running, do: str, said: Mapping[str, Any]) -> Future[Any]:
        number = next(self._numbers)
        future = running.waiting[number] = Future[Any]()
        self._write(running, {"id": number, "do": do, **said})
        return future

    def _result(self, running: _Running, future: Future[Any], do: str, seconds: float) -> Any:
        try:
            return future.result(seconds)
        except TimeoutError:
            self._end(running)
            raise running.fault or EngineError(
                f"LightRAG did not {do} within {seconds:.0f} seconds and was ended. Is its language model, "
                f"{self._chat.name}, fast enough? Its log is {self._folder / _LOG}."
            ) from None
        except EngineError as error:
            if running.popen.poll() is not None:
                self._end(running)
            if running.fault is not None:
                raise running.fault from error
            raise

    def _write(self, running: _Running, line: Mapping[str, Any]) -> None:
        assert running.popen.stdin is not None
        with self._writing, suppress(BrokenPipeError, ValueError):  # it ended: the listener says so
            running.popen.stdin.write(json.dumps(line).encode() + b"\n")
            running.popen.stdin.flush()

    def _listen(self, running: _Running) -> None:
        assert running.popen.stdout is not None
        with running.popen.stdout as lines:
            for raw in lines:
                self._hear(running, json.loads(raw))
        running.popen.wait()
        for future in (running.ready, *running.waiting.values()):
            if not future.done():
                future.set_exception(self._ended())

    def _hear(self, running: _Running, line: dict[str, Any]) -> None:
        if "call" in line:
            with suppress(RuntimeError):  # the threads are closed: it is being ended
                running.threads.submit(self._serve, running, line)
        elif "ready" in line:
            running.ready.set_result(None)
        elif "error" in line:
            error = EngineError(f"LightRAG failed: {line['error']} Its log is {self._folder / _LOG}.")
            running.waiting.pop(line["id"]).set_exception(error)
        else:
            running.waiting.pop(line["id"]).set_result(line["value"])

    def _serve(self, running: _Running, line: dict[str, Any]) -> None:
        """Do what it asks; where that fails, the failure is told as ours, not as the library words it."""
        try:
            value = self._embed(line["texts"]) if line["what"] == "embed" else self._complete(line["messages"])
        except OracleError as error:
            running.fault = error
            self._write(running, {"call": line["call"], "error": str(error)})
        else:
            self._write(running, {"call": line["call"], "value": value})

    def _embed(self, texts: list[str]) -> str:
        vectors = [e.vector for e in self._embedder.encode_passages(texts, [[(0, len(text))] for text in texts])]
        return base64.b64encode(np.stack(vectors).astype(np.float32).tobytes()).decode()

    def _complete(self, turns: list[dict[str, str]]) -> str:
        messages = [Message(Speaker(turn["role"]), turn["content"]) for turn in turns]
        return self._chat.complete(messages, most_tokens=self._limits.most_tokens).text

    def _ended(self) -> EngineError:
        said = (self._folder / _LOG).read_text("utf-8", "replace")[-_TAIL_CHARS:].strip()
        if "No module named 'lightrag'" in said:
            return EngineError(
                f"LightRAG is not installed for {self._python}. Install it with "
                "`pip install 'clinical-metabolomics-oracle[lightrag]'`, or name an interpreter that has it with "
                "CMO_LIGHTRAG_PYTHON."
            )
        last = said.rpartition("\n")[2]
        return EngineError(f"LightRAG's process ended: {last or 'without a word'}. Its log is {self._folder / _LOG}.")

    def _end(self, running: _Running) -> None:
        self._running = None
        popen = running.popen
        with suppress(OSError):
            if popen.stdin is not None:
                popen.stdin.close()
        try:
            popen.wait(0 if running.waiting else _END_SECONDS)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
        running.threads.shutdown(wait=False, cancel_futures=True)
        running.lock.close()


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of ours: LightRAG takes settings, keys and addresses from variables if it finds them."""
    return {"PATH": os.defpath, "HOME": str(folder.absolute()), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
