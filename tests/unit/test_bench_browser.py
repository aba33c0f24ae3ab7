"""Figures of the chat and of the pages: what was seen becomes rows, and no page and no answer is passed over."""

from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from typer.testing import CliRunner

from cmo.bench import chat, pages
from cmo.bench.pages import PLACES, Seen
from cmo.cli.main import app as cmo
from cmo.errors import NotFound
from cmo.web import login, ops, site


def test_times_count_from_enter_and_answers_without_a_sentence_are_told() -> None:
    whole = {"enter": 1_000.0, "heard": 1_100.0, "step": 1_200.0, "sentence": 1_900.0, "end": 2_000.0}
    refused = {name: at for name, at in whole.items() if name != "sentence"} | {"step": 1_201.0}
    rows = {row.what: row for row in chat.figures([whole] * 9 + [refused])}
    assert (rows["heard, p50"].value, rows["heard, p50"].met) == (100.0, True)
    assert rows["first step visible, p95"].met is True
    assert (rows["first sentence, p95"].value, rows["first sentence, p95"].met) == (900.0, True)
    assert (rows["questions"].value, rows["answered without a sentence"].value) == (10, 1)
    late = {row.what: row for row in chat.figures([refused, whole | {"sentence": 2_001.0}])}
    assert late["first sentence, p95"].met is False
    with pytest.raises(NotFound, match="first sentence"):
        list(chat.figures([refused]))


def test_a_page_is_as_heavy_as_its_heaviest_load_without_what_is_printed_on_paper() -> None:
    rows = list(pages.figures("/read", [Seen(90.0, 400.0, 40.0, 170.0), Seen(80.0, 700.0, 101.0, 170.0)]))
    told = {row.what: (row.value, row.met) for row in rows}
    assert {row.part for row in rows} == {"/read"}
    assert told["transferred"] == (101.0, False)
    assert told["interactive, p50"] == (85.0, True)
    assert told["first key handled, p95"][1] is False
    assert told["images of printed pages"] == (170.0, None)


def test_every_page_of_the_service_is_measured() -> None:
    routers = (site.router, ops.pages, login.router)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    shown = {route.path for route in routes if "GET" in route.methods and not route.include_in_schema}
    measured = {place.partition("?")[0].partition("#")[0] for place in PLACES}
    assert shown - measured == {"/favicon.ico"}
    assert measured <= shown


@pytest.mark.parametrize("command", ["chat", "pages"])
def test_a_folder_without_papers_is_told(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cmo, ["bench", command, "--papers", str(tmp_path), *_beside(command)])
    assert (done.exit_code, "no papers in" in str(done.exception or done.stderr)) != (0, False)


def test_a_chat_that_is_not_installed_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="make chat"):
        list(chat.measure(tmp_path, 5, str(tmp_path / "cmo"), print))


def _beside(command: str) -> list[str]:
    return ["--chat", "/bin/sh"] if command == "chat" else []
