"""Opening the database: SQLite in WAL mode beside the papers, or any server that SQLAlchemy speaks to.

Migrations run on opening when the schema is behind; alembic is imported only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError, OperationalError, ProgrammingError

from cmo.errors import ExtraMissing, SettingsError, StoreCorrupt, StoreError, StoreFull

SCHEMA = "0009"
"""The newest migration."""
_NO_SPACE = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMOPEN", "53100")
"""What SQLite and PostgreSQL call a full disk."""
_ALONE = {
    # The driver begins no transaction before DDL and reading, and a kill must not leave half a schema.
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7236837)",
}
_DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""By what each kind of database is spoken to, however its address begins."""
_PATIENCE: Final = {"sqlite": "timeout", "postgresql+psycopg": "connect_timeout"}
"""What drivers call the seconds that they try to reach it."""
_REACH_SECONDS: Final = 10


def engine_at(url: str, seconds: float = _REACH_SECONDS, **options: Any) -> Engine:
    """An engine for an address, of which nothing is asked yet.

    Args:
        url: as people write it, `postgres://` too.
        seconds: that reaching it may take, unless the address says another time.
        options: of `sqlalchemy.create_engine`.

    Raises:
        SettingsError: nothing can be kept at such an address.
        ExtraMissing: its driver is not installed.
    """
    try:
        parsed = make_url(url)
        driver = _DRIVERS[parsed.drivername.partition("+")[0]]
    except (ArgumentError, KeyError, ValueError) as error:
        # The address itself is not said: who forgot its beginning may have left a password in it.
        raise SettingsError(
            "DATABASE_URL is no address of a database that papers can be kept in. Such one is "
            "postgresql://user:password@host/cmo; without DATABASE_URL a file in the working directory is used."
        ) from error
    patience = {} if _PATIENCE[driver] in parsed.query else {_PATIENCE[driver]: max(1, int(seconds))}
    try:
        return create_engine(parsed.set(drivername=driver), connect_args=patience, **options)
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            'The driver of PostgreSQL is not installed: pip install "clinical-metabolomics-oracle[postgres]".'
        ) from error


def open_engine(url: str) -> Engine:
    """An engine on a migrated database.

    Raises:
        SettingsError: nothing can be kept at such an address, or its driver is not installed.
        StoreCorrupt: the file is no database or is damaged.
        StoreError: it cannot be reached, or a newer version made it.
    """
    engine = engine_at(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        with translated(place(engine)):
            _bring_up(engine)
        unless_opened.pop_all()
    return engine


def _bring_up(engine: Engine) -> None:
    with engine.connect() as connection:
        schema = _schema_of(connection)
    if schema is not None and schema > SCHEMA:
        raise StoreError(
            f"{place(engine)} was brought to schema {schema} by a newer version of cmo; this one knows {SCHEMA} "
            "at most and leaves it as it is. Install the newer version, or restore a backup of before (docs/how-to/upgrade.md)."
        )
    if schema != SCHEMA:
        migrate(engine)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a database says, without changing it."""

    schema: str | None
    """Its newest migration; None where there is none."""
    now: datetime | None
    """By the server's clock; None for a file, whose clock is ours."""
    faults: tuple[str, ...]


def look(url: str, seconds: float) -> Seen:
    """Look at a database: its schema, its clock, and SQLite's quick check.

    Raises:
        StoreError: it cannot be reached or read.
    """
    engine = engine_at(url, seconds)
    try:
        with translated(place(engine)), engine.connect() as connection:
            schema = _schema_of(connection)
            if engine.dialect.name != "sqlite":
                return Seen(schema, connection.execute(text("SELECT CURRENT_TIMESTAMP")).scalar_one(), ())
            found = (str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(5)"))
            return Seen(schema, None, tuple(line for line in found if line != "ok"))
    finally:
        engine.dispose()


def sqlite_url(folder: Path) -> str:
    """Address of the embedded database in a working directory."""
    return f"sqlite:///{folder / 'record.sqlite3'}"


def place(engine: Engine) -> str:
    """Where the database is, as messages may say it: without the password."""
    return (engine.dialect.name == "sqlite" and engine.url.database) or engine.url.render_as_string()


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the driver's errors into ours, each with what to do."""
    try:
        yield
    except OperationalError as error:
        if _code(error) in _NO_SPACE:
            raise StoreFull(
                f"The disk that holds {where} is full. Nothing that was acknowledged is lost; "
                "free some space and run the same command again."
            ) from error
        raise StoreError(f"The database {where} cannot be used: {_said(error)}.") from error
    except (DataError, IntegrityError, ProgrammingError) as error:
        raise StoreError(f"The database {where} rejects a statement: {_said(error)}.") from error
    except DatabaseError as error:
        raise StoreCorrupt(
            f"The database {where} cannot be read: {_said(error)}. Restore it from a backup, "
            "or move it away and run `cmo ingest` on your papers again."
        ) from error


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """One transaction, which no other one made by this runs beside, in whatever process: everything or nothing."""
    with engine.begin() as connection:
        connection.exec_driver_sql(_ALONE[engine.dialect.name])
        yield connection


def migrate(engine: Engine, direction: str = "upgrade", target: str = "head") -> None:
    """Take the schema to a migration: `upgrade` to a newer one, `downgrade` to an older one or to ``base``."""
    from alembic import command  # noqa: PLC0415 - costs 150 ms and is seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with alone(engine) as connection:
        config.attributes["connection"] = connection
        getattr(command, direction)(config, target)


def _said(error: DatabaseError) -> str:
    """What the driver says, on one line."""
    return " ".join(str(error.orig).split()).rstrip(".?")


def _code(error: OperationalError) -> str:
    return getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""


def _configure_sqlite(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in (
        "journal_mode=WAL",  # readers go on while one writes
        "synchronous=FULL",  # an acknowledged paper survives a power cut
        "foreign_keys=ON",
        "busy_timeout=10000",
        "cache_size=-32000",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _schema_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
