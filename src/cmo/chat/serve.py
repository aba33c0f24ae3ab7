"""The chat's process: its folder, Chainlit's settings, the door, and the pages that it hands on."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cmo.chat.door import Door
from cmo.chat.guests import Guests, guest
from cmo.chat.history import History
from cmo.chat.signing import signing
from cmo.chat.words import words_for
from cmo.errors import OracleError
from cmo.kit.clock import SystemClock
from cmo.kit.files import write_atomic

NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_GRACE_SECONDS: Final = 5
_ELSEWHERE = re.compile(r'<link[^>]*"https?://[^>]*>', re.DOTALL)
_SETTINGS: Final = """[project]
session_timeout = 3600
allow_origins = []

[features]
unsafe_allow_html = false
latex = false
user_message_markdown = false
edit_message = false

[features.spontaneous_file_upload]
enabled = true
max_files = 20
max_size_mb = {megabytes}

[features.spontaneous_file_upload.accept]
"application/pdf" = [".pdf"]
"text/markdown" = [".md"]
"text/plain" = [".txt"]
"text/xml" = [".xml", ".nxml"]

[UI]
name = "Clinical Metabolomics Oracle"
description = "Answers from your own papers, each sentence traced to its page."
cot = "full"

[meta]
generated_by = "{version}"
"""


def prepare(folder: Path, version: str, megabytes: int) -> None:
    """What Chainlit reads when it is imported: a folder of its own, settings, a secret; nobody is told anything.

    Args:
        folder: of the chat.
        version: of Chainlit.
        megabytes: largest file that may be attached.
    """
    (folder / ".chainlit").mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(folder / ".files", ignore_errors=True)  # what was attached, where the last process was killed
    settings = _SETTINGS.format(megabytes=megabytes, version=version)
    write_atomic(folder / ".chainlit" / "config.toml", settings.encode())
    _speak(folder / ".chainlit" / "translations")
    secret = folder / "secret"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(token_hex(32))
    os.environ.update(  # noqa: TID251 - Chainlit's settings are read there alone
        {
            "CHAINLIT_APP_ROOT": str(folder),
            "CHAINLIT_AUTH_SECRET": secret.read_text(),
            "LITERAL_API_KEY": "",
            "OTEL_SDK_DISABLED": "true",
            "TRACELOOP_TELEMETRY": "false",
        }
    )


def _speak(folder: Path) -> None:
    """Chainlit's own words in all its languages, less its line about language models, which none may have written here."""
    found = find_spec("chainlit")
    assert found is not None
    assert found.origin is not None
    folder.mkdir(exist_ok=True)
    for path in (Path(found.origin).parent / "translations").glob("*.json"):
        told = orjson.loads(path.read_bytes())
        told["chat"]["watermark"] = words_for(path.stem).foot
        write_atomic(folder / path.name, orjson.dumps(told))


def serve(folder: Path, url: str, port: int, person: str, history: History | None) -> None:
    """Serve the chat on this machine's loopback until told to stop. `prepare` comes first.

    Args:
        folder: of the chat.
        url: of the service.
        port: of the chat.
        person: who sits at this machine.
        history: keeps conversations; None keeps none.
    """
    import chainlit as cl  # noqa: PLC0415 - it reads its settings as it is imported
    from chainlit import server  # noqa: PLC0415

    from cmo.chat.handlers import PAGES, Handlers  # noqa: PLC0415
    from cmo.chat.lines import mend  # noqa: PLC0415

    guests, cookie = Guests(url, person, SystemClock()), f"cmo-chat-{port}"
    handlers = Handlers(guests, SystemClock(), cookie)
    handlers.register()
    threads = None if history is None else _threads(history, handlers.rate)
    cl.data_layer(
        lambda: threads
    )  # also where it is None: else Chainlit takes the database of DATABASE_URL for its own
    mend(server.sio, threads)
    made = server.get_html_template
    server.get_html_template = lambda root: _ELSEWHERE.sub("", made(root))
    pages = Route(f"{PAGES}/papers/{{paper}}/pages/{{page:int}}.png", _page)
    server.app.router.routes[:0] = [pages, *signing(guests, cookie, port)]
    try:
        uvicorn.run(
            Door(server.app, NAMES, guests, cookie, _named),
            host="127.0.0.1",
            port=port,
            lifespan="off",  # Chainlit's opens a browser at another port, and ends the process from within
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    finally:
        if threads is not None:
            asyncio.run(threads.close())
        shutil.rmtree(folder / ".files", ignore_errors=True)


def _threads(history: History, rate: Any) -> Any:
    from cmo.chat.threads import Threads  # noqa: PLC0415 - as above

    return Threads(history, rate)


async def _page(request: Request) -> Response:
    """Hands on the service's images of pages, whose key no browser sees."""
    place, wanted = request.path_params, request.query_params.getlist("evidence")
    try:
        image = await guest().client.page(place["paper"], place["page"], evidence=wanted)
    except OracleError as error:
        return Response(str(error), error.status, media_type="text/plain")
    return Response(image, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


def _named(cookies: Mapping[str, str]) -> str | None:
    """Whom Chainlit's own cookies name; nobody where they do not hold, which it sees by itself."""
    from chainlit.auth import decode_jwt, get_token_from_cookies  # noqa: PLC0415 - as above
    from jwt import InvalidTokenError  # noqa: PLC0415 - comes with it

    token = get_token_from_cookies(dict(cookies))
    try:
        return str(decode_jwt(token).identifier) if token else None
    except InvalidTokenError:
        return None
