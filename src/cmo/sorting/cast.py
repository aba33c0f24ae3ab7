"""The sorter's part of the cast list: what classifying needs, chosen and opened.

`app` chooses what all share; here is what only this path needs, with the bounds that a plan gives it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import cmo
from cmo.app import App, opened
from cmo.cache import Basis, CacheFile, Disk, Era, Lenient, Memory, Span, Tiers
from cmo.cast.outside import HERE, place_of
from cmo.errors import ModelError, SettingsError
from cmo.kit.hashing import hex_hash
from cmo.kit.machine import Machine, cores
from cmo.kit.policy import Policy
from cmo.llm.talk import Line, Talk
from cmo.model.ports import Router
from cmo.model.routes import Conditions
from cmo.model.sorting import Plan
from cmo.route import Cascade, KeywordRouter, shipped_rules
from cmo.route.counsel import Counsel, ModelCounsel, Sparing
from cmo.route.gist import gist
from cmo.route.opinion import told
from cmo.route.rules import Rules
from cmo.settings import Settings
from cmo.sorting.near import Near
from cmo.sorting.sorter import Sorter

log = logging.getLogger("cmo.sorting")
_DISK_SECONDS = 0.1
_SHARED_SECONDS = 0.05
_MEGA = 1_000_000
_NEAR_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where decisions are kept."""

    memory_entries: int = 10_000
    memory_bytes: int = 500 * _MEGA
    memory_seconds: float = 300.0
    disk_megabytes: int = 1_000
    """0 keeps none on disk."""
    disk_seconds: float = 3_600.0
    shared: bool = True
    """Whether machines share them, where a Redis is set."""
    shared_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Asking:
    """How a language model is asked."""

    timeout_seconds: float = 2.0
    """Of one attempt, the time to connect included."""
    connections: int = 100
    idle_seconds: float = 3_600.0
    """A connection that nobody used for so long is closed."""
    stream: bool = True
    sparing: Sparing = field(default_factory=Sparing)


@dataclass(slots=True)
class OpenSorter:
    """A sorter that is open, with what belongs to it."""

    sorter: Sorter
    machine: Machine
    house: App
    shared: bool
    """Whether a shared tier is in use."""
    model: str
    """Name of the language model that is asked in doubt; empty where none is."""
    router: str
    """Version of who decides."""
    fault: str
    """Why cue words have to decide; empty where they have not."""
    _threads: ThreadPoolExecutor
    _disk: Disk | None

    def close(self) -> None:
        """Let go of threads and files; what belongs to an event loop is closed there, by `Sorter.aclose`."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._disk is not None:
            self._disk.close()


def open_sorter(
    house: App,
    plan: Plan | None = None,
    shelves: Shelves | None = None,
    *,
    counsel: Callable[[], Counsel] | None = None,
    monitoring_seconds: float = 10.0,
) -> OpenSorter:
    """A sorter over an app. The caller closes both.

    Args:
        house: the app; its model is loaded here.
        plan: what the sorter is held to; by default as many workers as there are cores.
        shelves: where decisions are kept; the settings' caches by default.
        counsel: who is asked in doubt; the configured language model by default, where it may be.
        monitoring_seconds: how old a look at CPU and memory may be.
    """
    plan = plan or Plan(workers_most=cores(), opinion_seconds=house.settings.llm_classification_seconds)
    shelves = shelves or shelves_of(house.settings)
    counsel = counsel or counsel_of(house, may=house.settings.llm_classification)
    threads = ThreadPoolExecutor(plan.workers_most, thread_name_prefix="cmo-sort")
    disk = _disk(house, shelves)
    shared = bool(shelves.shared and house.keeping.redis_url)
    memory = Memory(
        entries=shelves.memory_entries,
        size=shelves.memory_bytes,
        span=Span(shelves.memory_seconds),
        clock=house.clock,
    )
    rules = shipped_rules()
    keywords = KeywordRouter(rules, house.year)
    router, fault = _router(house, keywords)
    era = Era(house.folder / "cache" / "era")
    place = place_of(house.settings)
    model = place.model if counsel and place else ""
    advised = hex_hash(model, told()) if counsel else ""

    def basis() -> Basis:
        return Basis(
            router.version, house.settings.tenant, versions=(cmo.__version__, advised, str(house.year())), era=era.now()
        )

    def conditions() -> Conditions:
        return replace(house.conditions, llm=counsel is not None)

    sorter = Sorter(
        router,
        keywords,
        _tiers(house, shelves, memory, disk, era),
        memory,
        basis=basis,
        conditions=conditions,
        executor=threads,
        clock=house.clock,
        plan=plan,
        near=_near(house, rules, plan, shelves) if plan.near else None,
        doubts=router if isinstance(router, Cascade) else None,
        counsel=counsel,
    )
    return OpenSorter(
        sorter, Machine(house.clock, monitoring_seconds), house, shared, model,
        router.version, fault,
        threads, disk,
    )  # fmt: skip


@contextmanager
def opened_sorter(settings: Settings) -> Iterator[OpenSorter]:
    """A sorter with an app of its own."""
    with opened(settings) as house:
        sorter = open_sorter(house)
        try:
            yield sorter
        finally:
            sorter.close()


def shelves_of(settings: Settings) -> Shelves:
    """As the settings of the caches say."""
    if not settings.cache:
        return Shelves(0, 0, 0.0, 0, 0.0, shared=False)
    return Shelves(
        settings.cache_entries,
        settings.cache_megabytes * _MEGA,
        settings.cache_seconds,
        min(100, settings.cache_disk_megabytes),
        settings.cache_disk_seconds,
        shared=True,
        shared_seconds=settings.cache_shared_seconds,
    )


def counsel_of(house: App, asking: Asking | None = None, *, may: bool = True) -> Callable[[], Counsel] | None:
    """Makes who is asked in doubt; None where no language model is set or may be asked.

    Each call is paid for from the budget. A model whose price nobody said is not asked: `cmo budget price`.
    """
    settings, asking = house.settings, asking or Asking()
    if not may:
        return None
    place = place_of(settings)
    if place is None or place.base_url == HERE:  # one that runs here has other things to do, and is too slow for this
        log.warning("no language model is set (CMO_LLM_URL, CMO_LLM_MODEL): the head decides alone")
        return None
    line = Line(
        place.base_url,
        place.model,
        place.api_key,
        asking.connections,
        asking.idle_seconds,
        asking.stream,
        early=False,
    )
    payments = house.treasury.budget  # opens the ledger now, not in somebody's event loop
    policy = Policy(timeout_seconds=asking.timeout_seconds, slow_seconds=asking.timeout_seconds * 0.75)

    def model_counsel() -> Counsel:
        talk = Talk(line, policy)
        pay = None if place.free else payments.areserved
        return ModelCounsel(talk, asking.sparing, pay=pay, host=talk.host)

    return model_counsel


def warm_up(house: App) -> None:
    """Sort two questions in the calling thread, so that the first one asked is as fast as the next."""
    house.router.routes(["What is metabolomics?", "What is new in metabolomics?"], Conditions(llm=False))


def _router(house: App, keywords: Router) -> tuple[Router, str]:
    try:
        return house.router, ""
    except ModelError as error:
        log.warning("cue words sort questions, because the model cannot be used: %s", error)
        return keywords, str(error)


def _near(house: App, rules: Rules, plan: Plan, shelves: Shelves) -> Near:
    span = Span(shelves.memory_seconds)
    memory = Memory(entries=plan.near, size=plan.near * _NEAR_BYTES, span=span, clock=house.clock)
    return Near(memory, lambda text: gist(rules.read(text, house.year())), house.clock)


def _disk(house: App, shelves: Shelves) -> Disk | None:
    if not shelves.disk_megabytes:
        return None
    file = CacheFile(house.folder / "cache" / "classes.sqlite3", shelves.disk_megabytes * _MEGA)
    return Disk(file, span=Span(shelves.disk_seconds), clock=house.clock, compress=False)


def _tiers(house: App, shelves: Shelves, memory: Memory, disk: Disk | None, era: Era) -> Tiers:
    below = [] if disk is None else [Lenient(disk, seconds=_DISK_SECONDS, clock=house.clock)]
    if shelves.shared and house.keeping.redis_url:
        try:
            below.append(_shared(house, shelves))
        except SettingsError as error:
            log.warning("decisions are not shared between machines: %s", error)
    return Tiers(memory, below, clock=house.clock, disown=era.renew)


def _shared(house: App, shelves: Shelves) -> Lenient:
    from cmo.cache.shared import Shared  # noqa: PLC0415 - needs an extra

    span = Span(shelves.shared_seconds)
    shared = Shared(house.keeping.redis_url, prefix="cmo:classes", span=span, clock=house.clock, compress=False)
    return Lenient(shared, seconds=_SHARED_SECONDS, clock=house.clock)
