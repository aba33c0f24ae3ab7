"""Rows of progressive delivery as values, and the reverse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Row

from cmo.model.delivery import Observation, Release, StoredFlag, StoredRollout


def columns(value: object, *names: str, **more: Any) -> dict[str, Any]:
    """Some attributes of a value, and more, as a row has them."""
    return {name: getattr(value, name) for name in names} | more


def text(facts: Mapping[str, Any]) -> str:
    """Facts as a row has them."""
    return orjson.dumps(facts).decode()


def rollout_of(row: Row[Any]) -> StoredRollout:
    """A rollout as its row says."""
    facts = {name: orjson.loads(getattr(row, name)) for name in ("spec", "status", "evidence")}
    rest = columns(row, "name", "release", "baseline", "version", "live", "begun_at", "at")
    return StoredRollout(**facts, **rest)


def release_of(row: Row[Any]) -> Release:
    """A release as its row says."""
    return Release(row.name, orjson.loads(row.settings), row.about, row.at)


def flag_of(row: Row[Any]) -> StoredFlag:
    """A flag as its row says."""
    return StoredFlag(row.name, orjson.loads(row.spec), row.version, row.at)


def observation_of(row: Row[Any]) -> Observation:
    """What was seen, as its row says."""
    return Observation(row.batch, row.subject, row.step, row.arm, row.at, orjson.loads(row.sums))
