"""The command line's own logic: exit codes, messages, help; nothing is opened."""

import errno
import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import typer

from cmo import errors
from cmo.cli import main
from cmo.cli.exits import Exit, exit_for, said_by_system
from cmo.cli.main import app

KINDS = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.OracleError)]


def raised(error: BaseException) -> Callable[[], None]:
    def stand_in() -> None:
        raise error

    return stand_in


def ends_with(monkeypatch: pytest.MonkeyPatch, error: BaseException, *arguments: str) -> int | str | None:
    """The code with which `cmo` ends when a command raises."""
    monkeypatch.setattr(main, "app", raised(error))
    monkeypatch.setattr(sys, "argv", ["cmo", *arguments])
    with pytest.raises(SystemExit) as end:
        main.run()
    return end.value.code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.BadQuestion, 2),
        (errors.BadFilter, 2),
        (errors.SettingsError, 2),
        (errors.NotFound, 5),
        (errors.StoreLocked, 6),
        (errors.ModelMissing, 7),
        (errors.ModelCorrupt, 7),
        (errors.ModelMismatch, 7),
        (errors.EmbeddingFailed, 7),
        (errors.StoreFull, 8),
        (errors.StoreCorrupt, 8),
        (errors.SnapshotCorrupt, 8),
    ],
)
def test_each_error_ends_with_its_own_code_and_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[errors.OracleError], code: int
) -> None:
    assert ends_with(monkeypatch, kind("This is wrong; do that.")) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{kind.code}: This is wrong; do that.\n"


def test_a_refused_paper_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ends_with(monkeypatch, errors.PaperRefused("unreadable", "papers cannot be read.", "Look.")) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_no_error_ends_as_success_or_as_an_honest_refusal(kind: type[errors.OracleError]) -> None:
    checked = kind in {
        errors.BadData,
        errors.ImportRefused,
        errors.LabelsUnusable,
        errors.VocabularyError,
    }  # what was to be taken in was found faulty
    ends = {Exit.OK, Exit.NO_ANSWER, Exit.INTERRUPTED} | (set() if checked else {Exit.UNSOUND})
    assert exit_for(kind.__new__(kind)) not in ends


def test_with_json_the_error_is_json_on_stdout_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, errors.NotFound("There is no such paper."), "papers", "show", "x", "--json")
    assert orjson.loads(capsys.readouterr().out) == {
        "error": {"code": "not-found", "message": "There is no such paper."}
    }


def test_brackets_in_a_message_are_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ends_with(monkeypatch, errors.NotFound("[/x] [13C]glucose[bold].pdf does not exist."))
    assert "[/x] [13C]glucose[bold].pdf does not exist." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"), [(errno.EACCES, 1), (errno.EROFS, 1), (errno.ENOSPC, 8), (errno.EDQUOT, 8)]
)
def test_what_the_system_refuses_is_a_message_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    assert ends_with(monkeypatch, OSError(number, "The system says no", "evidence/a.png")) == code
    assert capsys.readouterr().err == "system: evidence/a.png: The system says no.\n"


def test_a_system_error_without_words_is_named() -> None:
    assert said_by_system(TimeoutError()) == "TimeoutError."


def test_an_interrupted_command_says_that_what_it_told_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends_with(monkeypatch, SystemExit(130)) == 130
    assert "What was acknowledged is kept" in capsys.readouterr().err


def test_a_service_that_cannot_listen_does_not_end_as_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmo.web.serve.serve", lambda *_, **__: sys.exit(3))
    monkeypatch.setattr(sys, "argv", ["cmo", "serve"])
    with pytest.raises(SystemExit) as end:
        main.run()
    assert end.value.code == Exit.ERROR


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["ask"],
        ["ask", "a", "--since", "soon"],
        ["ingest", "--workers", "0"],
        ["serve", "--port", "99999"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cmo", *arguments])
    with pytest.raises(SystemExit) as end:
        main.run()
    assert end.value.code == Exit.USAGE
    assert "Error" in capsys.readouterr().err


def commands(command: Any, path: str = "cmo") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), list(commands(typer.main.get_command(app))))
def test_every_command_and_option_has_its_help(path: str, command: Any) -> None:
    assert command.help.strip()
    assert command.help[0].isupper()
    assert [p.name for p in command.params if p.name != "help" and not p.help] == [], path


def test_what_prints_facts_can_print_them_as_json() -> None:
    without = {
        path
        for path, command in commands(typer.main.get_command(app))
        if not hasattr(command, "commands") and not any("--json" in p.opts for p in command.params)
    }
    serve, files = {"cmo demo", "cmo serve", "cmo chat", "cmo mcp"}, {"cmo alerts rules", "cmo privacy key"}
    assert without == serve | files, "what serves, and what prints a file as it is to be, have no facts to print"


def test_a_question_to_the_router_may_follow_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    from cmo.cli import route

    monkeypatch.setattr(route, "read_settings", lambda **_: raised(errors.SettingsError("reached"))())
    for arguments in (["--json", "What is TMAO?"], ["--web", "What is TMAO?"], ["What is TMAO?", "--json"]):
        with pytest.raises(errors.SettingsError, match="reached"):
            app(["route", *arguments], standalone_mode=False)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_without_a_channel_nobody_can_be_told_and_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cmo", "notify", "test", *more])
    with pytest.raises(SystemExit) as end:
        main.run()
    assert end.value.code == Exit.USAGE
    said = capsys.readouterr()
    assert "SLACK_WEBHOOK_URL" in said.err
    assert "EMAIL_ALERTS_ENABLED" in said.err
    assert ("settings" in said.out) == bool(more)
