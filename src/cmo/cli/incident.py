"""`cmo incident collect`: one file for whoever helps, with what happened and without secrets."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

import cmo
from cmo.app import App, opened
from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.errors import NotKnown, SettingsError
from cmo.kit.clock import SystemClock
from cmo.model.audit import Given
from cmo.ops.incident import PART_BYTES, Cleaner, Packed, Part, collect, tail
from cmo.settings import Settings, read_settings
from cmo.settings.clashes import clashes
from cmo.settings.origins import rows, secrets_of, secrets_set, unknown

if TYPE_CHECKING:
    from cmo.cast.holdings import Holdings

app = typer.Typer(help="Gather what happened, for whoever helps: collect.", no_args_is_help=True)
_LINES: Final = 500
_SECONDS: Final = 5.0
_ASKED: Final = {
    "service/health.json": "/health",
    "service/ready.json": "/ready",
    "service/metrics.txt": "/metrics",
    "service/metrics.json": "/api/metrics",
}


@app.callback()
def _group() -> None:
    """Gather what happened, for whoever helps: collect."""


@app.command("collect")
def collect_all(
    *,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="The file; default: cmo-incident-TIME.zip.")] = None,
    log: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A log of the service; may be repeated.")
    ] = None,
    unit: Annotated[str, typer.Option(help="The systemd unit whose journal is taken along, such as cmo.")] = "",
    questions: Annotated[
        bool, typer.Option("--questions", help="Take along what was asked; it may name patients. Else it is left out.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Gather findings, settings, versions, logs, audit, metrics and releases in one ZIP, secrets masked.

    Users are told apart by a hash. Look into it before you send it.
    """
    at = SystemClock().now()
    target = (out or Path(f"cmo-incident-{at:%Y%m%d-%H%M%S}.zip")).absolute()
    logs, heard = list(_logs(log or [], unit)), partial(_say, quiet=as_json)
    try:
        settings = read_settings(working_dir=home)
    except SettingsError as error:  # that is the incident, then
        parts = [Part("doctor.json", lambda: _doctor_without(home)), Part("config.json", partial(_refused, str(error)))]
        parts += [Part("versions.json", _versions), *logs]
        packed = collect(parts, target, Cleaner(secrets_set(Settings)), at, heard=heard)
    else:
        with opened(settings) as house:
            parts = [*_parts(house, settings, questions=questions), *logs]
            packed = collect(parts, target, Cleaner(secrets_of(settings)), at, heard=heard)
    if as_json:
        print_json({"file": str(target), "bytes": target.stat().st_size, "files": [asdict(one) for one in packed]})
    else:
        size = target.stat().st_size / 1000
        console.print(
            f"{escape(str(target))}: {len(packed)} files, {size:,.0f} kB. Look into it first.", soft_wrap=True
        )


def _parts(house: App, settings: Settings, *, questions: bool) -> Iterator[Part]:
    yield Part("doctor.json", lambda: _doctor(house))
    yield Part("config.json", lambda: _config(settings))
    yield Part("versions.json", _versions)
    for name, path in _ASKED.items():
        yield Part(name, partial(asked, settings, path))
    yield Part("base.json", lambda: _base(house))
    yield Part("releases.json", lambda: _releases(house))
    yield Part("audit.json", lambda: _audit(house))
    yield Part("answers.json", lambda: [_given(one, questions) for one in house.record.answers.recent(_LINES)])
    yield Part("budget.json", lambda: [asdict(account) for account in house.treasury.budget.accounts()])


def _logs(logs: list[Path], unit: str) -> Iterator[Part]:
    for number, path in enumerate(logs, 1):
        yield Part(f"logs/{number}-{path.name}", partial(tail, path))
    if unit:
        yield Part(f"logs/{unit.replace('/', '_')}.journal.txt", partial(_journal, unit))


def _doctor_without(home: Path | None) -> Any:
    """What the doctor finds without the settings that cannot be used."""
    from cmo.cast.holdings import Holdings
    from cmo.settings.usable import usable

    settings, wrong = usable(working_dir=home)
    return _doctor(Holdings(settings), wrong)


def _doctor(house: Holdings, wrong: str = "") -> Any:
    from cmo.cast.examining import Examining
    from cmo.ops.doctor import examine

    report = examine(Examining(house, wrong=wrong).checks(), house.clock, seconds=2 * _SECONDS)
    return {"state": report.state, "findings": [asdict(finding) for finding in report.findings]}


def _config(settings: Settings) -> Any:
    return {
        "settings": [asdict(row) for row in rows(settings)],
        "unknown": [asdict(one) for one in unknown(Settings)],
        "clashes": [asdict(clash) for clash in clashes(settings)],
    }


def _refused(why: str) -> Any:
    return {"refused": why, "unknown": [asdict(one) for one in unknown(Settings)]}


def _versions() -> Any:
    return {
        "cmo": cmo.__version__,
        "python": sys.version,
        "platform": platform.platform(),
        "packages": dict(sorted((d.name, d.version) for d in distributions())),
    }


def asked(settings: Settings, path: str) -> str:
    """What the running service says.

    Raises:
        NotKnown: it says so to operators alone, and no key of one is set.
    """
    import httpx

    from cmo.kit.neighbour import Neighbour

    service = Neighbour(settings.host, settings.port, settings.tls_certificate)
    token = settings.api_key.get_secret_value() or settings.admin_token.get_secret_value()
    try:
        reply = service.ask(path, key=token, seconds=_SECONDS)
    except httpx.HTTPError as error:
        return f"No service answers at {service.url}: {type(error).__name__}.\n"
    if reply.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise NotKnown(f"{service.url}{path} is for operators: set CMO_API_KEY to a key of one.")
    return reply.text if reply.is_success or path == "/health" else f"HTTP {reply.status_code}\n{reply.text[:2000]}\n"


def _base(house: App) -> Any:
    return {
        "holdings": asdict(house.curator.holdings()),
        "snapshots": [
            {"id": m.id, "at": m.created_at, "papers": m.papers, "origin": m.origin} for m in house.shelf.history()
        ],
        "pending": house.pending,
        "files": {
            str(p.relative_to(house.folder)): p.stat().st_size for p in sorted(house.folder.glob("*")) if p.is_file()
        },
    }


def _releases(house: App) -> Any:
    current = house.delivery.current()
    names = [rollout.name for rollout in house.delivery.rollouts()]
    return {
        "current": asdict(current),
        "releases": [asdict(one) for one in house.delivery.releases()],
        "findings": {name: [asdict(one) for one in house.delivery.findings(name, 50)] for name in names[-3:]},
        "history": [asdict(act) for act in house.delivery.history(most=_LINES)],
    }


def _audit(house: App) -> Any:
    end, _ = house.record.access.height()
    lines = house.record.access.lines(max(0, end - _LINES), _LINES)
    return [{"number": line.number, **line.deed.as_json(), "hash": line.hash} for line in lines]


def _given(one: Given, questions: bool) -> Any:
    reply = one.reply
    told = {
        "id": one.id,
        "at": one.at,
        "user": blake2b(one.payer.user.encode(), digest_size=6).hexdigest() if one.payer.user else "",
        "release": one.release,
        "version": one.version,
        **{name: reply.get(name) for name in ("snapshot", "confidence", "source", "destination", "processing_time_ms")},
        "refusal": (reply.get("refusal") or {}).get("reason"),
        "characters": len(one.question),
    }
    return {**told, "question": one.question} if questions else told


def _journal(unit: str) -> str:
    if shutil.which("journalctl") is None:
        return "There is no journalctl here.\n"
    command = ["journalctl", "--no-pager", "--output=short-iso", "--lines=5000", f"--unit={unit}"]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)  # noqa: S603 - no shell, one option
    return (done.stdout or done.stderr)[-PART_BYTES:].decode("utf-8", "replace")


def _say(packed: Packed, *, quiet: bool) -> None:
    if quiet:
        return
    size = f"{packed.size / 1000:8,.1f} kB"
    why = f" [yellow]{escape(packed.failed)}[/]" if packed.failed else " [dim](its end)[/]" if packed.cut else ""
    complaints.print(f"{size}  {escape(packed.name)}{why}", soft_wrap=True)
