"""The part of the cast list that counts what keys ask: in all processes of a machine, or of all machines that share a Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cmo.access.meter import Meter
from cmo.access.meter import Rates as SharedBy
from cmo.kit.clock import Clock
from cmo.model.access import AccessStore, Allowance
from cmo.settings import Settings

_PREFIX = "cmo:rates"


def meter_of(
    settings: Settings, store: Callable[[], AccessStore | None], clock: Clock, redis_url: str, run: Path | None
) -> Meter:
    """The meter of a service, of which `run` is the folder that its processes share; None where there is but one.

    Raises:
        SettingsError: rates are to be shared, and the extra is not installed.
    """
    usual = Allowance(settings.key_per_minute, settings.key_per_day)
    shared: list[SharedBy] = []
    if run is not None:
        from cmo.access.machine import MachineRates  # noqa: PLC0415 - of those that are several

        shared.append(MachineRates(run / "rates"))
    if not redis_url:
        return Meter(store, clock, usual, *shared)
    from cmo.access.shared import SharedRates  # noqa: PLC0415
    from cmo.cache.loops import PerLoop  # noqa: PLC0415
    from cmo.cache.shared import Shared, client_of  # noqa: PLC0415 - redis is an extra

    clients: PerLoop[Any] = PerLoop(lambda: client_of(redis_url))
    return Meter(store, clock, usual, SharedRates(clients, _PREFIX, Shared.errors, clock), *shared)
