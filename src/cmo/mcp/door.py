"""The door of `cmo mcp --port`: who calls shows a token, as any program and any user of this machine reaches its ports.

The names by which it is called (`Host`, `Origin`) are looked at behind it, so that no page of another site gets here.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cmo.errors import SettingsError

FILE: Final = "mcp-token"
_LEAST: Final = 20
"""Characters below which a token could be guessed."""
_SAID: Final = "This needs a token: send `Authorization: Bearer …`. `cmo mcp --port` says where it stands.\n"


def token_of(folder: Path) -> str:
    """The token of a base; made where there is none, for its owner's eyes alone.

    Raises:
        SettingsError: its file cannot be read, or what stands there is no token.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            found = path.read_text("ascii").strip()
        else:
            found = secrets.token_urlsafe(32)
            with os.fdopen(file, "w", encoding="ascii") as writing:
                writing.write(f"{found}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The token in {path} cannot be used: {error}.") from error
    if len(found) < _LEAST:
        raise SettingsError(f"What stands in {path} is no token. Delete the file: another one is made.")
    return found


class Door:
    """Lets in who shows the token.

    Args:
        app: what stands behind it.
        token: to be shown.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._said = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or hmac.compare_digest(_shown(scope), self._said):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(_SAID, 401, {"WWW-Authenticate": 'Bearer realm="cmo mcp"'})
        await refusal(scope, receive, send)


def _shown(scope: Scope) -> bytes:
    return next((value for name, value in scope["headers"] if name == b"authorization"), b"")
