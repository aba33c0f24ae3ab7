"""Where another tenant of a service keeps everything: a folder, or a schema of the same server, of its own.

::

    base/                     the service's own tenant
    base/tenants/lab-two/     another: record, originals, index, caches, answers, threads
    postgresql://.../cmo      schema tenant_lab_two

There is nothing to filter: whoever opens one base has no way to another.
"""

from __future__ import annotations

import re

from cmo.errors import AccessRefused
from cmo.model.access import TENANT
from cmo.settings import Settings

_NAME = re.compile(TENANT)
_SCHEMA = "tenant_"
"""Begins the names of their schemas."""


def named(tenant: str) -> str:
    """The same, if a tenant may be called that.

    Raises:
        AccessRefused: it may not.
    """
    if not _NAME.fullmatch(tenant):
        raise AccessRefused(f"{tenant[:60]!r} cannot name a tenant. Use a to z, 0 to 9 and -, at most 40 of them.")
    return tenant


def lodged(settings: Settings, tenant: str) -> Settings:
    """The settings of another tenant's base; its schema is made where there is none.

    Raises:
        AccessRefused: no tenant can be called that.
        StoreError: the schema cannot be made.
    """
    folder = settings.working_dir / "tenants" / named(tenant)
    url = _apart(settings.database_url, tenant) if settings.database_url else ""
    terms = settings.vocabularies_dir or settings.working_dir
    changed = {"tenant": tenant, "base_of": "", "working_dir": folder, "vocabularies_dir": terms, "database_url": url}
    return settings.model_copy(update=changed)


def based(settings: Settings) -> Settings:
    """The settings of the base that is meant: the service's own, or that of the tenant that they name.

    Raises:
        AccessRefused: no tenant can be called that.
        StoreError: its schema cannot be made.
    """
    return lodged(settings, settings.base_of) if settings.base_of else settings


def lodgers(settings: Settings) -> list[str]:
    """The tenants that have a base beside the service's own."""
    if settings.database_url:
        return _schemas(settings.database_url)
    folders = (settings.working_dir.expanduser() / "tenants").glob("*/record.sqlite3")
    return sorted(found.parent.name for found in folders if _NAME.fullmatch(found.parent.name))


def _schemas(url: str) -> list[str]:
    from sqlalchemy import inspect  # noqa: PLC0415 - most need none of it

    from cmo.store.engine import engine_at, place, translated  # noqa: PLC0415

    engine = engine_at(url)
    try:
        with translated(place(engine)):
            found = inspect(engine).get_schema_names()
    finally:
        engine.dispose()
    names = (name.removeprefix(_SCHEMA).replace("_", "-") for name in found if name.startswith(_SCHEMA))
    return sorted(name for name in names if _NAME.fullmatch(name))


def _apart(url: str, tenant: str) -> str:
    """Address of a schema, by which nothing beside it is found."""
    from sqlalchemy import make_url  # noqa: PLC0415 - most need none of it

    from cmo.store.engine import engine_at, place, translated  # noqa: PLC0415

    schema = f"{_SCHEMA}{tenant.replace('-', '_')}"
    engine = engine_at(url)
    try:
        with translated(place(engine)), engine.begin() as connection:
            connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    finally:
        engine.dispose()
    parsed = make_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
    return parsed.render_as_string(hide_password=False)
