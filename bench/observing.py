"""What observation costs a request: processor time with it and without, in turns, in one process, over the same base.

    python bench/observing.py FOLDER [--traces | --nothing] [--json]

::

    requests with it | the same without --in turns--> what is added, at the median, with its 95 % interval
    counting, once a second ------------------------> its share of a request ----> added to it

Only what happens inside the application is timed; what the server does around it (reading HTTP, sockets) is not, so the
shares are larger than those of a request as a whole. Without it nobody listens at all: no request is timed, no stage,
no question, no answer. `--traces` adds OpenTelemetry, which sends all of them to a collector in another process;
`--nothing` compares requests without observation among themselves: what is found then is what the machine adds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvloop
from fastapi import FastAPI

from cmo.app import App
from cmo.ops.profile import measured as median
from cmo.settings import read_settings
from cmo.web import create_api
from cmo.web.boundary import Boundary

QUESTIONS = (
    "Which metabolites are raised in phenylketonuria?",
    "Which amino acids are raised in maple syrup urine disease?",
    "What is lowered in type 2 diabetes?",
    "Which acylcarnitines mark MCAD deficiency?",
)
ROUNDS = {"kept": (600, 20, 40), "made": (400, 1, 60)}
"""Pairs of blocks, requests of a block, and blocks after which is counted: about a second of a worker that is busy."""
COLLECTOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Takes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200), self.send_header("Content-Length", "0"), self.end_headers()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def collector() -> Iterator[str]:
    """Takes whatever traces come, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


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


async def measured(house: App, kind: str, *, nothing: bool) -> dict[str, float | str]:
    """Microseconds of the processor for a request, with and without, and what share more it is."""
    api = create_api(house)
    bodies = [json.dumps({"query": question}).encode() for question in QUESTIONS]
    for body in bodies * 5:
        await ask(api, body)
    layer, observing = boundary(api), api.state.observing
    listener, watch, pairs, requests, every = layer._listener, observing.watching, *ROUNDS[kind]  # noqa: SLF001 - from within
    assert listener is not None
    assert watch is not None

    async def block(pair: int) -> float:
        began = time.process_time()
        for n in range(requests):
            await ask(api, bodies[(pair + n) % len(bodies)])
            await asyncio.sleep(0)  # the loop ends what a request began, as it does in the service
        return 1e6 * (time.process_time() - began) / requests

    def counted() -> float:
        began = time.process_time()
        listener.fold()
        if observing._exporter is not None:  # noqa: SLF001
            observing._exporter._batch.force_flush()  # noqa: SLF001
        return 1e6 * (time.process_time() - began) / (every * requests)

    gc.collect()
    gc.freeze()  # as the service does
    without, also, counting = list[float](), list[float](), [0.0] if nothing else []
    for pair in range(pairs):
        for on in (True, False) if pair % 2 else (False, True):
            heard = on and not nothing
            layer._listener, observing.watching = (listener, watch) if heard else (None, None)  # noqa: SLF001
            (also if on else without).append(await block(pair))
        if not nothing and pair % every == every - 1:
            counting.append(counted())
    added, base = median([a - b for a, b in zip(also, without, strict=True)]), median(without).median
    later = median(counting).median
    return {
        "request": kind,
        "us_without": round(base, 1),
        "us_added": round(added.median + later, 1),
        "us_low": round(added.low + later, 1),
        "us_high": round(added.high + later, 1),
        "us_counting": round(later, 1),
        "share": round((added.median + later) / base, 4),
    }


def main() -> None:
    """Measure both kinds of request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a knowledge base")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--traces", action="store_true", help="send all traces to a collector as well")
    which.add_argument("--nothing", action="store_true", help="compare nothing with nothing")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = []
    with collector() as address:
        for kind in ROUNDS:
            url = address if asked.traces else ""
            house = App(
                read_settings(
                    working_dir=asked.folder, cache=kind == "kept", threads=1, audit_days=0, otlp_url=url
                )
            )  # fmt: skip
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the service does
                found.append(runner.run(measured(house, kind, nothing=asked.nothing)))
            house.close()
    if asked.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for row in found:
        sys.stdout.write(
            f"{row['request']}: {row['us_without']} us without, {row['us_added']} [{row['us_low']}, {row['us_high']}] us more "
            f"with it ({100 * float(row['share']):.1f} %), of which {row['us_counting']} are counted later\n"
        )


if __name__ == "__main__":
    main()
