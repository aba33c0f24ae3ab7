"""Printing: JSON for programs on stdout, colour for people; progress and complaints on stderr."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from rich.console import Console

console = Console(highlight=False)
complaints = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """One JSON document on a line of its own, at once: for streams of outcomes."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE).decode())
    sys.stdout.flush()
