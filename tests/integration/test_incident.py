"""An incident's bundle holds what helps, and none of the secrets that were planted everywhere."""

import asyncio
import base64
import json
import re
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cmo.cli import main
from cmo.model.delivery import Act
from cmo.ops.incident import MASK, Cleaner, Part, collect, tail
from cmo.oracle import admit
from cmo.settings import Settings
from cmo.testing import FakeClock

PAPER = "Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.\n"
ASKED = "My neighbour Ottilie Zwieback has phenylketonuria, what is raised?"
VALUES = {
    "encryption_key": base64.b64encode(b"sixteen plus sixteen bytes of it").decode(),
    "redis_url": "redis://:leise-geheim@127.0.0.1:1/0",
    "slack_webhook_url": "http://127.0.0.1:1/services/T0AAAA/B0BBBB/verborgenes",
}
"""Secrets that are addresses; the others are words."""
PROVIDER = {
    "CMO_OIDC_ISSUER": "http://127.0.0.1:1/realm",
    "CMO_OIDC_CLIENT_ID": "oracle",
    "CMO_OIDC_REDIRECT_URL": "http://127.0.0.1:1/login/oidc/callback",
    "CMO_OIDC_ROLES": "staff=reader",
}
"""What goes with a secret that cannot be set alone."""


def planted() -> dict[str, str]:
    """A secret in every setting that holds one."""
    fields = [name for name, info in Settings.model_fields.items() if isinstance(info.default, SecretStr)]
    return {name: VALUES.get(name, f'ge"heim+{name}/x') for name in fields}


def lines() -> str:
    """What careless programs write, with secrets that no setting knows: each holds SECRET and its own number."""
    forms = (
        "GET http://mia:{}@10.0.0.1/x", "Authorization: Bearer {}", "authorization=Basic {}", 'x-api-key: "{}"',
        "POST /hook?token={}&n=1", '{{"password": "{}", "n": 1}}', "OPENAI_API_KEY={}", "cookie: session={}",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "using sk-proj-{}", "key cmo_0123456789ab_{}",
        "https://hooks.example.org/services/T1/B1/{}", "eyJhbGciOiJI.{}.c2lnbmF0dXJl", "DB_PASSWORD='{}'",
    )  # fmt: skip
    return "".join(form.format(f"SECRET{n:02}abcdefghijklmnop") + f" line {n}\n" for n, form in enumerate(forms))


class Service(BaseHTTPRequestHandler):
    """Answers as a service does that tells too much."""

    def do_GET(self) -> None:
        body = f'# {self.path}\ncmo_requests_total{{endpoint="/query"}} 12\n{self.headers["authorization"]}\n'.encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def texts(bundle: Path) -> dict[str, str]:
    with zipfile.ZipFile(bundle) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name).decode() for name in packed.namelist()}


@pytest.fixture
def gathered(
    open_base: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., dict[str, str]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    secrets = planted()
    with open_base() as base:
        base.add(pku=PAPER)
        asyncio.run(base.app.recall.ask(admit(ASKED)))  # written down when the base is closed
        base.app.delivery.note(Act(1.0, "mia", "note", "x", f"because of {secrets['admin_token']}", {}))
    for name, info in Settings.model_fields.items():
        if name in secrets:
            monkeypatch.setenv(str(info.validation_alias.choices[0]), secrets[name])  # type: ignore[union-attr]
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))
    monkeypatch.setenv("CMO_WEBHOOK_PRIVATE", "true")
    for name, value in PROVIDER.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CMO_PORT", str(server.server_address[1]))
    (tmp_path / "cmo.log").write_text(lines() + "\n".join(map(repr, secrets.values())) + "\nthe end\n")

    def run(*arguments: str) -> dict[str, str]:
        out = tmp_path / "bundle.zip"
        command = ["cmo", "incident", "collect", "--out", str(out), "--log", str(tmp_path / "cmo.log"), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            main.run()
        told = capsys.readouterr()
        assert not end.value.code, told.err
        assert out.stat().st_mode & 0o777 == 0o600
        return {**texts(out), "printed": told.out + told.err}

    yield run
    server.shutdown()
    server.server_close()


def test_no_secret_that_was_planted_leaves_in_the_bundle(gathered: Callable[..., dict[str, str]]) -> None:
    told = gathered()
    whole = "\n".join(told.values())
    assert re.findall(r".*SECRET\d.*", whole) == []
    for name, secret in planted().items():
        for spelled in (secret, json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode()):
            assert spelled not in whole, name
    assert not [word for word in ("leise-geheim", "verborgenes") if word in whole]
    assert "the end" in told["logs/1-cmo.log"]
    assert [n for n in range(14) if f"line {n}\n" not in told["logs/1-cmo.log"]] == [], "what stands beside them stays"
    assert 'cmo_requests_total{endpoint="/query"} 12' in told["service/metrics.txt"], "metrics are no keys"
    assert f"Bearer {MASK}" in told["service/metrics.txt"], "the service was asked with a key"


def test_what_was_asked_stays_at_home_unless_it_is_allowed(gathered: Callable[..., dict[str, str]]) -> None:
    told = gathered()
    (answer,) = json.loads(told["answers.json"])
    assert answer["characters"] == len(ASKED)
    assert "Ottilie" not in "\n".join(told.values())
    allowed = gathered("--questions", "--json")
    assert json.loads(allowed["answers.json"])[0]["question"] == ASKED


def test_settings_that_cannot_be_used_are_what_it_tells(
    gathered: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMO_PARSE_SECONDS", "soon")
    told = gathered()
    assert "CMO_PARSE_SECONDS" in told["config.json"]
    found = {one["name"]: one["state"] for one in json.loads(told["doctor.json"])["findings"]}
    assert (found["configuration"], found["disk"]) == ("broken", "ok")
    assert "the end" in told["logs/1-cmo.log"]
    whole = "\n".join(told.values())
    assert not [name for name, secret in planted().items() if secret in whole or json.dumps(secret)[1:-1] in whole]


def test_it_holds_what_helps(gathered: Callable[..., dict[str, str]]) -> None:
    told = gathered("--json")
    summary = json.loads(told["printed"])
    assert {f["name"] for f in summary["files"]} | {"manifest.json", "printed"} == set(told)
    assert [f["name"] for f in summary["files"] if f["failed"]] == []
    assert {f["name"] for f in json.loads(told["doctor.json"])["findings"]} >= {"disk", "database", "index"}
    assert {row["field"] for row in json.loads(told["config.json"])["settings"]} == set(Settings.model_fields)
    assert json.loads(told["base.json"])["holdings"]["papers"] == 1
    assert json.loads(told["releases.json"])["history"][0]["actor"] == "mia"
    assert json.loads(told["versions.json"])["packages"]["pydantic"]


def test_a_bundle_is_bounded_and_keeps_the_end(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("".join(f"line {n:07}\n" for n in range(5_000)))
    assert tail(log, 26) == "line 0004999\n"
    assert tail(log, 10**9).startswith("line 0000000\n")
    parts = [Part(f"{n}.txt", lambda: "x\n" * 3_000 + "end") for n in range(12)]
    packed = collect(parts, tmp_path / "b.zip", Cleaner([]), FakeClock().now(), part_bytes=2_000, most_bytes=20_000)
    assert [one.size for one in packed] == [2_000] * 10 + [0, 0]
    assert all(one.cut for one in packed)
    assert texts(tmp_path / "b.zip")["0.txt"].endswith("end")


def test_a_part_that_cannot_be_made_says_why_and_the_rest_is_there(tmp_path: Path) -> None:
    def fails() -> str:
        raise RuntimeError("no way, password=hunter22")

    collect([Part("a.txt", fails), Part("b.txt", lambda: "there")], tmp_path / "b.zip", Cleaner([]), FakeClock().now())
    told = texts(tmp_path / "b.zip")
    assert told["b.txt"] == "there"
    assert json.loads(told["manifest.json"])["files"][0]["failed"] == f"RuntimeError: no way, password={MASK}"
    with pytest.raises(OSError, match="No such file"):
        collect([], tmp_path / "none" / "b.zip", Cleaner([]), FakeClock().now())
    assert [p.name for p in tmp_path.iterdir()] == ["b.zip"]


@pytest.mark.parametrize(
    "line", ["password" * 20_000, '"' + "token" * 20_000, "a" * 200_000, "x." * 50_000, "?key" * 40_000]
)
def test_a_line_that_was_made_up_holds_nobody_up(line: str) -> None:
    begun = time.process_time()
    Cleaner(["a secret"]).clean(line)
    assert time.process_time() - begun < 3


def test_the_end_of_a_key_whose_beginning_was_cut_off_is_a_secret_too() -> None:
    told = Cleaner([]).clean("c2VjcmV0\nbW9yZQ==\n-----END PRIVATE KEY-----\nand so on\n")
    assert told == f"{MASK}\nand so on\n"
