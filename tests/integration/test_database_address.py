"""Addresses of databases as people write them, and a server that went away for a moment."""

import sys

import pytest
from sqlalchemy import create_engine, text

from cmo.errors import ExtraMissing, SettingsError, StoreError
from cmo.store.engine import engine_at
from cmo.store.record import Record
from cmo.testing import FakeClock

_END_THE_OTHERS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


@pytest.mark.parametrize("begins", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_an_address_of_postgresql_may_begin_as_people_write_it(begins: str) -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught:
        Record.open(f"{begins}://me:secret@127.0.0.1:1/cmo", FakeClock())
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value), "a log has a line for it"


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://me:secret@127.0.0.1/cmo",
        "postgres//me:secret@h/cmo",
        "postgresql://h:x/y",
    ],
)
def test_an_address_where_nothing_can_be_kept_says_what_one_looks_like_and_no_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL .* postgresql://user:password@host/cmo") as caught:
        Record.open(url, FakeClock())
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ExtraMissing, match=r"\[postgres\]"):
        Record.open("postgresql://me@127.0.0.1:1/cmo", FakeClock())


def test_connections_that_a_restart_of_the_server_cut_are_not_used_again(postgres_url: str) -> None:
    record = Record.open(postgres_url, FakeClock())
    assert record.papers() == []
    other = engine_at(postgres_url)
    with other.connect() as connection:
        ended = connection.execute(text(_END_THE_OTHERS)).scalars().all()
    assert ended == [True]
    other.dispose()
    assert record.papers() == [], "as after a restart of the server"
    record.close()


def test_a_base_of_a_newer_version_is_left_as_it_is_and_says_so(url: str) -> None:
    Record.open(url, FakeClock()).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(StoreError, match=r"schema 0999 by a newer version .* Install the newer version"):
        Record.open(url, FakeClock())
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0999"
    engine.dispose()
