"""Each alert has its page, and what the pages tell people to type exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cmo.cli.main import app
from cmo.ops.alerts.rules import RULES
from cmo.ops.dashboards import DASHBOARDS
from cmo.settings import Settings

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")
COMMANDS: Any = typer.main.get_command(app)
SECTIONS = ["What it means", "See it", "What to do", "It is over when"]


def test_each_alert_has_a_page_that_names_it_and_each_page_an_alert() -> None:
    index = (RUNBOOKS / "README.md").read_text()
    for rule in RULES:
        text = (RUNBOOKS / f"{rule.subject}.md").read_text()
        after = f"{rule.minutes:g} min" if rule.minutes else "at once"
        assert f"| `{rule.name}` | {rule.priority} | {after} | {rule.summary} |" in text
        assert f"`{rule.name}`" in index
    assert {path.stem for path in PAGES} == {rule.subject for rule in RULES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_says_what_it_means_how_to_see_it_what_to_do_and_when_it_is_over(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert all(len(part.strip()) > 20 for part in text.split("\n## ")[1:])
    assert re.search(r"^1\. ", text, re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_a_page_tells_to_type_exists(path: Path) -> None:
    for command in re.findall(r"`(cmo [^`]+)`", path.read_text()):
        words, found = shlex.split(command)[1:], COMMANDS
        while words and words[0] in getattr(found, "commands", {}):
            found, words = found.commands[words[0]], words[1:]
        assert not hasattr(found, "commands") or found.invoke_without_command, command
        known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known, command


def test_settings_and_dashboards_that_pages_name_exist() -> None:
    known = {str(c) for f in Settings.model_fields.values() for c in getattr(f.validation_alias, "choices", ())}
    titles = {shown.title for shown in DASHBOARDS}
    panels = {panel.title for shown in DASHBOARDS for panel in shown.panels}
    for path in PAGES:
        text = path.read_text()
        assert set(re.findall(r"\b(?:CMO|LIGHTRAG)_[A-Z_]+\b", text)) <= known, path.name
        assert set(re.findall(r"\*(CMO: [^*]+)\*", text)) <= titles, path.name
        for named in _panels(text):
            assert named in panels, f"{path.name}: {named}"


def _panels(text: str) -> Iterator[str]:
    for named in re.findall(r"panels? ([A-Z][^:;,.)\n]+)", text):
        yield from named.split(" and ")
