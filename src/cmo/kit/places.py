"""Words without places: where files lie is for whoever runs the service, and what a file is called is enough for others.

::

    The disk that holds /var/lib/cmo/record.sqlite3 is full. --> The disk that holds record.sqlite3 is full.
    The database postgresql+psycopg://cmo:***@10.1.2.3/cmo cannot be used. --> The database postgresql cannot be used.

Addresses of the web and of the service's own interface stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

_PATH: Final = re.compile(r"(?<![\w/:.~])~?(?:/[^\s/'\"`,;:()<>|\[\]]+)+/?")
_STORE: Final = re.compile(r"\b(?!https?:)([a-z][a-z0-9]*)(?:\+[a-z0-9]+)?://[^\s'\"`]*[^\s'\"`.,;:]")
_OF_A_PATH: Final = 2
"""Parts from which on it is one: `/docs` is an address of ours."""
_OURS: Final = frozenset(
    {"api", "query", "papers", "evidence", "problems", "health", "experiments", "login", "static", "kb"}
)
"""How addresses of the service begin."""


def without_places(text: str, folders: Collection[Path] = ()) -> str:
    """The same words, with nothing of a file's place but its name.

    Args:
        text: what was to be said.
        folders: that are known, so that also those with a space or a single part are found; the innermost first.
    """
    for folder in folders:
        text = re.sub(rf"(?<![\w/:.~]){re.escape(str(folder))}(?![\w-])", "~/base", text)
    return _PATH.sub(_named, _STORE.sub(r"\1", text))


def _named(found: re.Match[str]) -> str:
    start, *parts = found[0].rstrip("/").split("/")
    if not start and (len(parts) < _OF_A_PATH or parts[0] in _OURS):
        return found[0]
    return parts[-1]
