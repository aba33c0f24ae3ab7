"""The part of the cast list that counts what keys ask: here, or where a Redis is set in all processes together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cmo.access.meter import Meter
from cmo.kit.clock import Clock
from cmo.model.access import AccessStore, Allowance
from cmo.settings import Settings

_PREFIX = "cmo:rates"


def meter_of(settings: Settings, store: Callable[[], AccessStore | None], clock: Clock, redis_url: str) -> Meter:
    """The meter of a service.

    Raises:
        SettingsError: rates are to be shared, and the extra is not installed.
    """
    usual = Allowance(settings.key_per_minute, settings.key_per_day)
    if not redis_url:
        return Meter(store, clock, usual)
    from cmo.access.shared import SharedRates  # noqa: PLC0415
    from cmo.cache.loops import PerLoop  # noqa: PLC0415
    from cmo.cache.shared import Shared, client_of  # noqa: PLC0415 - redis is an extra

    clients: PerLoop[Any] = PerLoop(lambda: client_of(redis_url))
    return Meter(store, clock, usual, SharedRates(clients, _PREFIX, Shared.errors, clock))
