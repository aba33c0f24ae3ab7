"""What observation costs a request: processor time with it and without, in turns, in one process, over the same base.

    python bench/observing.py FOLDER [--json]

Only what happens inside the application is timed; what the server does around it (reading HTTP, sockets) is not, so the
shares are larger than those of a request as a whole. Counting, which happens once a second in a thread, is counted in.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import MutableMapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from cmo.app import App
from cmo.settings import read_settings
from cmo.web import create_api
from cmo.web.boundary import Boundary

QUESTIONS = (
    "Which metabolites are raised in phenylketonuria?",
    "Which amino acids are raised in maple syrup urine disease?",
    "What is lowered in type 2 diabetes?",
    "Which acylcarnitines mark MCAD deficiency?",
)
ROUNDS = {"kept": (60, 100), "made": (60, 4)}
"""Pairs of blocks, and requests of a block."""


class Unheard:
    """A watch that sees nothing."""

    log_questions = False

    def question_began(self) -> None:
        """Nothing."""

    def question_ended(self, *_: object) -> None:
        """Nothing."""

    def made(self, _reply: object) -> None:
        """Nothing."""


def boundary(api: FastAPI) -> Any:
    """The layer that listens."""
    layer: Any = api.middleware_stack
    while not isinstance(layer, Boundary):
        layer = layer.app
    return layer


async def ask(api: FastAPI, body: bytes) -> None:
    """One question, as a server would hand it over."""
    sent: list[MutableMapping[str, Any]] = []
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/query",
        "raw_path": b"/query", "query_string": b"", "root_path": "", "scheme": "http", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": {},
    }  # fmt: skip
    bodies = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        return bodies.pop() if bodies else await asyncio.sleep(60, {"type": "http.disconnect"})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await api(scope, receive, send)
    assert sent[0]["status"] == HTTPStatus.OK, sent


async def measured(house: App, kind: str) -> dict[str, float | str]:
    """Microseconds of the processor for a request, with and without, and what share more it is."""
    api = create_api(house)
    bodies = [json.dumps({"query": question}).encode() for question in QUESTIONS]
    for body in bodies * 2:
        await ask(api, body)
    layer, observing = boundary(api), api.state.observing
    listener, watch, pairs, requests = layer._listener, observing.watch, *ROUNDS[kind]  # noqa: SLF001 - measured from within

    async def block() -> float:
        began = time.process_time()
        for n in range(requests):
            await ask(api, bodies[n % len(bodies)])
        watch.fold()
        return 1e6 * (time.process_time() - began) / requests

    gc.collect()
    gc.disable()
    without, also = [], []
    for pair in range(pairs):
        for on in (True, False) if pair % 2 else (False, True):
            layer._listener, observing.watch = (listener, watch) if on else (None, Unheard())  # noqa: SLF001
            (also if on else without).append(await block())
    gc.enable()
    added = statistics.median(a - b for a, b in zip(also, without, strict=True))
    base = statistics.median(without)
    return {"request": kind, "us_without": round(base, 1), "us_added": round(added, 1), "share": round(added / base, 4)}


def main() -> None:
    """Measure both kinds of request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a knowledge base")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = []
    for kind in ROUNDS:
        house = App(read_settings(working_dir=asked.folder, cache=kind == "kept", threads=1, audit_days=0))
        found.append(asyncio.run(measured(house, kind)))
        house.close()
    if asked.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for row in found:
        sys.stdout.write(
            f"{row['request']}: {row['us_without']} us without, {row['us_added']} more with it "
            f"({100 * float(row['share']):.1f} %)\n"
        )


if __name__ == "__main__":
    main()
