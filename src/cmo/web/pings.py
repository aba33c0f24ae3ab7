"""How each part of a house says how it is: from what it knows anyway, or with one quick look.

Nothing here asks a question, loads a model or spends money: what was never used is well until it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cmo.app import App
from cmo.cast.outside import place_of
from cmo.errors import OracleError
from cmo.kit.breaker import Phase
from cmo.ops.doctor import State
from cmo.ops.health import Part, Ping, degraded, healthy, unhealthy
from cmo.ops.vitals import disk_room

ENGINE = ("record", "index", "model", "llm")
"""The parts that answer from the papers: what `/health/lightrag` tells."""


def pings(house: App, fault: Callable[[], OracleError | None], loaded: Callable[[], bool]) -> tuple[Ping, ...]:
    """Of a house.

    Args:
        house: the app.
        fault: why the model or the index could not be opened.
        loaded: whether the model is there.
    """
    return (
        Ping("record", lambda: healthy(f"at change {house.record.head()}"), vital=True),
        Ping("index", lambda: _index(house), vital=True),
        Ping("model", lambda: _model(house, fault(), loaded=loaded()), vital=True),
        Ping("reach", lambda: _reach(house)),
        Ping("disk", lambda: _disk(house)),
        *_wanted(house),
    )


def _wanted(house: App) -> Iterator[Ping]:
    """Of what the settings ask for."""
    settings = house.settings
    if settings.cache:
        yield Ping("cache", lambda: _cache(house))
    if place_of(settings) is not None:
        yield Ping("llm", lambda: _outside(house, "llm", "questions are answered in the papers' own words"))
    if settings.perplexity_api_key.get_secret_value():
        yield Ping("web", lambda: _outside(house, "web", "questions are answered from the papers"))


def _index(house: App) -> Part:
    manifest = house.shelf.current()
    if manifest is None:
        return degraded("There are no papers yet.")
    if manifest.seq == (head := house.record.head()):
        return healthy(f"snapshot {manifest.id}")
    if house.pending:
        return healthy("A change is being published.")
    return degraded(f"at change {manifest.seq} of {head}; run `cmo kb rebuild`")


def _model(house: App, fault: OracleError | None, *, loaded: bool) -> Part:
    if fault is not None:
        return unhealthy(str(fault))
    return healthy(str(house.encoder.identity)) if loaded else degraded("Not loaded yet; the first question loads it.")


def _reach(house: App) -> Part:
    """How far the graph may carry a search: a broken file means that what was set does not count."""
    fault = house.reach.fault()
    return degraded(f"{fault}. Set it again, or remove the file.") if fault else healthy("as set")


def _disk(house: App) -> Part:
    found = disk_room("disk", house.folder)
    if found.state is State.OK:
        return healthy(found.said)
    return degraded(f"{found.said}. {found.fix}")  # questions are answered all the same


def _cache(house: App) -> Part:
    resting = house.keeping.tiers.resting() if "keeping" in house.__dict__ else ()
    if not resting:
        return healthy("as set")
    return degraded(f"{' and '.join(resting)} kept failing and is left alone for a while; answers are made anew.")


def _outside(house: App, service: str, instead: str) -> Part:
    phase = house.outside.phases().get(service) if "outside" in house.__dict__ else None
    if phase is None:
        return healthy("not asked yet")
    if phase is Phase.CLOSED:
        return healthy("answers")
    return degraded(f"It kept failing ({phase.value}); {instead} meanwhile.")
