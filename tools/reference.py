"""Writes the pages of docs/reference that the code itself can tell: settings, commands, errors, metrics.

`make docs` runs it; a test fails when a page is not what this would write.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any

import typer
import yaml
from pydantic_settings import BaseSettings

from cmo import errors, settings
from cmo.cli.exits import Exit, exit_for
from cmo.cli.main import app
from cmo.model.answers import RefusalReason
from cmo.ops.catalogue import METRICS

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
RECORDING = REFERENCE.parents[1] / "deploy" / "prometheus" / "recording.yml"
_MADE = "<!-- Written by `make docs` from the code. Do not edit. -->\n"


def pages() -> dict[str, str]:
    """The text of every generated page by file name."""
    return {"settings.md": _settings(), "cli.md": _cli(), "errors.md": _errors(), "metrics.md": _metrics()}


def main() -> None:
    """Write them."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, "utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


def _settings() -> str:
    groups = [k for k in reversed(settings.Settings.__mro__) if issubclass(k, BaseSettings) and k is not BaseSettings]
    parts = [
        "# Settings",
        "",
        _MADE,
        "Settings come from environment variables and from a file `.env` in the current folder; a variable of the",
        "environment wins. Where two names are given, the first one wins. Options of a command win over both, and a profile",
        "(`CMO_PROFILE`, [what it sets](../how-to/run-the-service.md#settings-and-profiles)) comes after them.",
        "`cmo config show` tells where each value came from, `cmo config check` what does not go together.",
        "A value that cannot be used ends the command with code 2 and the name of the setting.",
        "",
    ]
    for group in groups:
        if own := [name for name in settings.Settings.model_fields if name in group.__annotations__]:
            parts += [f"## {group.__doc__.strip().rstrip('.')}", "", *_setting_rows(group, own), ""]
    return "\n".join(parts)


def _setting_rows(group: Any, names: list[str]) -> Iterator[str]:
    said = _docstrings(group)
    yield "| name | default | bounds | what it does |"
    yield "|---|---|---|---|"
    for name in names:
        field = settings.Settings.model_fields[name]
        known = [f"`{choice}`" for choice in getattr(field.validation_alias, "choices", [name.upper()])]
        bounds = ", ".join(
            f"{word} {getattr(rule, sign)}"
            for rule in field.metadata
            for sign, word in (("ge", "at least"), ("gt", "more than"), ("le", "at most"))
            if hasattr(rule, sign)
        )
        yield f"| {' or '.join(known)} | {_default(field.default)} | {bounds} | {said[name]} |"


def _default(value: Any) -> str:
    shown = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`" if shown not in {"", None} else "none"


def _docstrings(kind: type) -> dict[str, str]:
    """The string below each attribute of a class."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    said: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        target = before.target if isinstance(before, ast.AnnAssign) else None
        if target is None and isinstance(before, ast.Assign):
            target = before.targets[0]
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            said[target.id] = _markdown(" ".join(str(after.value.value).split()))
    return said


def _cli() -> str:
    parts = [
        "# Commands",
        "",
        _MADE,
        "`cmo --help` and `cmo COMMAND --help` say the same. Exit codes stand in [errors.md](errors.md#exit-codes).",
        "",
    ]
    for path, command in commands():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        usage = " ".join([path, *(_argument(a) for a in arguments), *(["[OPTIONS]"] if options else [])])
        parts += [f"## {path}", "", f"`{usage}`", "", _markdown(inspect.cleandoc(command.help or "")), ""]
        if rows := [*map(_argument_row, arguments), *map(_option_row, options)]:
            parts += ["| argument or option | default | what it does |", "|---|---|---|", *rows, ""]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its whole name."""
    waiting: list[tuple[str, Any]] = [("cmo", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop(0)
        inner = [(f"{path} {name}", sub) for name, sub in getattr(command, "commands", {}).items()]
        waiting = inner + waiting
        if not inner:
            yield path, command


def _argument(parameter: Any) -> str:
    name = str(parameter.name).upper() + ("…" if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _argument_row(parameter: Any) -> str:
    return f"| `{_argument(parameter)}` | | {_markdown(parameter.help or '')} |"


def _option_row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.default
    shown = "" if default in {None, False} or callable(default) else f"`{default}`"
    if parameter.required:
        shown = "required"
    return f"| {names} | {shown} | {_markdown(parameter.help or '')} |"


def _metrics() -> str:
    parts = [
        "# Metrics",
        "",
        _MADE,
        "Told at `/metrics`, over all workers. A label takes the values that stand here, or as many of its own as the",
        "number says; whatever is beyond is counted as `other`. What they are for: [observing](../explanation/observing.md).",
        "",
        "| metric | kind | what it tells | labels |",
        "|---|---|---|---|",
    ]
    for metric in METRICS:
        labels = "; ".join(
            f"`{name}`: " + (f"at most {allowed}" if isinstance(allowed, int) else ", ".join(f"`{v}`" for v in allowed))
            for name, allowed in metric.labels.items()
        )
        parts.append(f"| `{metric.name}` | {metric.kind} | {metric.help} | {labels} |")
    documented = yaml.safe_load(RECORDING.read_text("utf-8"))["groups"]
    parts += [
        "",
        "## Recorded by Prometheus",
        "",
        "`deploy/prometheus/recording.yml` makes of them, among others, the documented names:",
        "",
    ]
    parts += [f"- `{rule['record']}`" for group in documented for rule in group["rules"]]
    return "\n".join([*parts, ""])


def _errors() -> str:
    kinds = [k for k in vars(errors).values() if inspect.isclass(k) and issubclass(k, errors.OracleError)]
    return "\n".join([
        "# Errors and exit codes",
        "",
        _MADE,
        "Every message says what was wrong, where, and what to do next. With `--json` a command prints",
        '`{"error": {"code": ..., "message": ...}}`; the service sends `application/problem+json` (RFC 9457) whose',
        "`type` ends with the code.",
        "",
        "## Errors",
        "",
        "| code | class | HTTP | exit | meaning |",
        "|---|---|---|---|---|",
        *(
            f"| `{k.code}` | `{k.__name__}` | {k.status} | {exit_for(k.__new__(k)).value} | {_first_line(k)} |"
            for k in kinds
        ),
        "| `system` | none | | 1 | The operating system refused something, such as writing to a folder. |",
        "",
        "## Exit codes",
        "",
        "| code | name | meaning |",
        "|---|---|---|",
        *(f"| {code.value} | `{code.name}` | {_meaning(code)} |" for code in Exit),
        "",
        "## Why there is no answer",
        "",
        "An honest refusal is no error: HTTP 200, exit code 3, and `refusal.reason` is one of these.",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{reason.value}` | {_docstrings(RefusalReason).get(reason.name, '')} |" for reason in RefusalReason),
        "",
        "Why a *file* is refused is told in [Ingest your papers](../how-to/ingest-your-papers.md#refused-files).",
        "",
    ])  # fmt: skip


def _meaning(code: IntEnum) -> str:
    return _docstrings(Exit).get(code.name, "")


def _first_line(kind: type) -> str:
    return _markdown((kind.__doc__ or "").strip().splitlines()[0])


def _markdown(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text).replace("|", "\\|")


if __name__ == "__main__":
    main()
