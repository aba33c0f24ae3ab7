"""What a service does by itself: what is kept too long goes each day, in every base, and the audit is held against its chain."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from cmo.cast.rounds import DAY_SECONDS, Rounds, kept_days
from cmo.cast.tenants import lodged, lodgers
from cmo.cli.main import app as cmo
from cmo.errors import StoreFull
from cmo.kit.clock import SystemClock
from cmo.kit.seal import PLAIN
from cmo.model.audit import Given
from cmo.model.money import Payer
from cmo.model.webhooks import Event, Kind
from cmo.ops import catalogue as c
from cmo.ops.alerts.measured import errors
from cmo.ops.alerts.series import Looks, samples
from cmo.ops.counts import Counts
from cmo.ops.history import History
from cmo.settings import read_settings
from cmo.store.record import Record
from cmo.store.webhooks import SqlOutbox
from cmo.stories.privacy import overdue
from cmo.testing import FakeClock


def asked(record: Record, name: str, days_ago: float, clock: Any) -> None:
    at = clock.now() - timedelta(days=days_ago)
    record.answers.put([Given(name, at, Payer("mia"), "", "1", {"query": "What?"}, {"answer": "This."})])


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_each_day_what_is_old_goes_from_the_base_of_every_tenant(base: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cmo.rounds")
    clock, lab = FakeClock(SystemClock().now()), base.app.sibling("lab-two")
    records = {"": base.app.record, "lab-two": lab.record}
    for record in records.values():
        asked(record, "old", 40.0, clock)
        asked(record, "young", 29.5, clock)
    rounds = Rounds(base.app.settings, clock, PLAIN, lambda: base.app.record)
    rounds.start()
    until(lambda: rounds.done.deleted["answers"] == 2)
    assert all((r.answers.get("old"), r.answers.get("young") is not None) == (None, True) for r in records.values())
    assert "tenant lab-two: deleted what was kept long enough: 1 answers" in caplog.text
    tidied_at = rounds.done.tidied_at
    clock.advance(DAY_SECONDS)
    until(lambda: rounds.done.deleted["answers"] == 4)
    until(lambda: rounds.done.tidied_at != tidied_at)
    rounds.close()
    lab.close()
    assert all(record.answers.get("young") is None for record in records.values())


def test_a_service_without_a_base_makes_none_and_a_base_that_fails_costs_no_other(
    base: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = base.folder / "tenants" / "broken"
    broken.mkdir(parents=True)
    (broken / "record.sqlite3").write_bytes(b"this is no database, only words. " * 100)
    asked(base.app.record, "old", 40.0, SystemClock())
    rounds = Rounds(base.app.settings, SystemClock(), PLAIN, lambda: base.app.record)
    none = Rounds(
        base.app.settings.model_copy(update={"working_dir": tmp_path / "none"}), SystemClock(), PLAIN, lambda: None
    )
    for one in (rounds, none):
        one.start()
    until(lambda: rounds.done.deleted["answers"] == 1)
    for one in (rounds, none):
        one.close()
    assert caplog.text.count("tenant broken: ") == 1
    assert not (tmp_path / "none").exists()


def test_on_a_server_tenants_are_found_by_their_schemas(tmp_path: Path, postgres_url: str) -> None:
    settings = read_settings(working_dir=tmp_path, database_url=postgres_url)
    Record.open(postgres_url, SystemClock()).close()
    assert lodgers(settings) == []
    for tenant in ("lab-two", "b"):
        Record.open(lodged(settings, tenant).database_url, SystemClock()).close()
    assert lodgers(settings) == ["b", "lab-two"]


def test_an_audit_that_was_tampered_with_is_noticed_by_the_service_itself(base: Any) -> None:
    for n in range(3):
        base.app.keyring.note("me", "looked", str(n))
    rounds = Rounds(base.app.settings, SystemClock(), PLAIN, lambda: base.app.record)
    rounds.start()
    until(lambda: rounds.done.audit_faults == 0)
    rounds.close()
    with base.app.record._engine.begin() as connection:
        connection.execute(text("DROP TRIGGER access_trail_no_UPDATE"))
        connection.execute(text("UPDATE access_trail SET subject = 'nobody' WHERE number = 2"))
    rounds = Rounds(base.app.settings, SystemClock(), PLAIN, lambda: base.app.record)
    rounds.start()
    until(lambda: rounds.done.audit_faults == 1)
    rounds.close()


def test_what_is_overdue_is_counted_and_the_doctor_says_so(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    record, days = base.app.record, kept_days(base.app.settings)
    asked(record, "late", 31.0, SystemClock())
    record.outbox.publish([Event(Kind.PAPER_ADDED, 0.0, {"id": "x"})])
    assert overdue(record.persons, days, SystemClock().now())["answers"] == 0
    asked(record, "too-late", 33.0, SystemClock())
    assert overdue(record.persons, days, SystemClock().now())["answers"] == 1
    monkeypatch.setenv("CMO_HOME", str(base.folder))
    assert "1 answers" in CliRunner().invoke(cmo, ["doctor"]).output
    CliRunner().invoke(cmo, ["privacy", "tidy"])
    assert "nothing is kept longer than its days" in CliRunner().invoke(cmo, ["doctor"]).output


def test_the_page_and_the_alerts_count_the_same_failures() -> None:
    counts, history = Counts(), History()
    signal = errors(5)
    looks = Looks(signal.series())
    for at in (0.0, 60.0):
        state = counts.state()
        history.add(at, state)
        looks.add(at, samples(state))
        for endpoint, status, times in (
            ("/query", "200", 60), ("/query", "500", 5), ("/query", "504", 30), ("/query", "404", 5), ("/health", "503", 70),
            ("/ready", "503", 7), ("/metrics", "200", 50),
        ):  # fmt: skip
            counts.add(c.HTTP_REQUESTS, endpoint, "GET", status, amount=times)
    state = counts.state()
    history.add(120.0, state)
    looks.add(120.0, samples(state))
    assert history.error_rate() == pytest.approx(0.05)
    assert signal.figures(looks)[""] == pytest.approx(0.05)
    assert history.series()["error_rate"] == [0.05, 0.05]


def test_what_lasts_is_said_once_and_once_when_it_is_over(
    base: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest goes well in between: other reads, other bases, the round as a whole."""
    for seconds in ("EVERY_SECONDS", "_LOOK_SECONDS"):
        monkeypatch.setattr(f"cmo.cast.rounds.{seconds}", 0.01)
    caplog.set_level(logging.WARNING, "cmo.rounds")
    looks, whole = list[float](), SqlOutbox.due

    def full(outbox: SqlOutbox, now: float, of_each: int) -> Any:
        looks.append(now)
        if len(looks) < 10:
            raise StoreFull("The disk is full.")
        return whole(outbox, now, of_each)

    monkeypatch.setattr(SqlOutbox, "due", full)
    rounds = Rounds(base.app.settings, SystemClock(), PLAIN, lambda: base.app.record)
    rounds.start()
    until(lambda: len(looks) > 12)
    rounds.close()
    said = [record.getMessage() for record in caplog.records if "no webhook is sent" in record.getMessage()]
    assert [("full" in one, "over" in one) for one in said] == [(True, False), (False, True)]
