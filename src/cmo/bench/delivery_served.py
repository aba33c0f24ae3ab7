"""What releases cost and how fast they are taken back, in real services under real load.

::

    base of the papers --copies--> cmo serve with CMO_DELIVERY and without --the same questions, in turns--> CPU a question
    cmo serve, four workers <--load-- releases answer half --back, switched off--> when a release answered last, by worker
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import orjson

from cmo.app import opened
from cmo.bench.figures import Row
from cmo.bench.served import service
from cmo.delivery.desk import Desk, Wish
from cmo.delivery.flags import ENABLED
from cmo.delivery.releases import release
from cmo.delivery.rollout import Command, Plan
from cmo.errors import NotFound
from cmo.settings import read_settings

QUESTIONS: Final = (
    "Which metabolites are raised in phenylketonuria?",
    "Which amino acids are raised in maple syrup urine disease?",
    "What is lowered in type 2 diabetes?",
    "Which acylcarnitines mark MCAD deficiency?",
    "How is homocysteine related to vitamin B12?",
    "What is the role of mass spectrometry in metabolomics?",
)
LIVE: Final = (
    "pytest tests/acceptance/test_rollouts.py tests/integration/test_released.py -k 'taken_back or reaches_all'"
)
_PART: Final = "service"
_PAPERS: Final = 24
_WORKERS: Final = 4
_AT_ONCE: Final = 16
_ON_ONE: Final = 10
"""Questions on one connection."""
_USERS: Final = 2_000
_TURNS: Final = 24
_ASKED: Final = {True: 400, False: 60}
"""Questions a turn: where answers are kept, and where they are made."""
_ON: Final = 3.0
"""Seconds under load before something is taken back, and after."""
_WAKES: Final = 60.0
_PLAN: Final = Plan("bench", (50, 100), 1e6, 1e6, about="half of the users, for as long as it takes")
_BACK, _OVERHEAD = 1.0, 2.0
_ACTOR: Final = "cmo bench"


def served(papers: Path, said: Callable[[str], None]) -> Iterator[Row]:
    """All figures of services.

    Args:
        papers: a folder with some.
        said: hears what is being done.

    Raises:
        NotFound: there are no papers, or nothing to measure with.
    """
    if find_spec("psutil") is None:
        raise NotFound("Services are measured with psutil, which is not installed: pip install psutil.")
    files = sorted(path for path in papers.glob("*.*") if path.suffix in {".md", ".txt", ".pdf"})[:_PAPERS]
    if not files:
        raise NotFound(f"There are no papers in {papers}. Name a folder with some by --papers, such as library/notes.")
    with TemporaryDirectory(prefix="cmo-bench-") as folder:
        base = Path(folder) / "base"
        said(f"a base of {len(files)} papers")
        program = str(Path(sys.executable).with_name("cmo"))
        command = [program, "ingest", *map(str, files), "--home", str(base)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
        for kept in (False, True):
            said(f"overhead where answers are {'kept' if kept else 'made'}")
            yield from _overhead(base, kept=kept)
        said(f"taking back, {_WORKERS} workers")
        yield from _back(base)


# -- what it costs -------------------------------------------------------------------------------------------------


def _overhead(base: Path, *, kept: bool) -> Iterator[Row]:
    """CPU time of the whole service a question, with releases and without, in turns."""
    chance, spent = np.random.default_rng(1), {True: list[float](), False: list[float]()}
    with ExitStack() as stack:
        services = {}
        for on in (False, True):
            folder = base.with_name(f"{base.name}-{on}-{kept}")
            shutil.copytree(base, folder)
            if on:
                _begin(folder)
            given = {"CMO_DELIVERY": str(on).lower(), "CMO_CACHE": str(kept).lower()}
            services[on] = stack.enter_context(service(folder, 1, **given))
            _ask(services[on], 50 if kept else 20, chance)
        for turn in range(_TURNS):
            for on in (True, False) if turn % 2 else (False, True):
                before = _cpu(services[on])
                _ask(services[on], _ASKED[kept], chance)
                spent[on].append((_cpu(services[on]) - before) / _ASKED[kept])
    ratios = np.sort(np.array(spent[True]) / np.array(spent[False]))
    wide = 0.98 * np.sqrt(_TURNS)  # bounds of the median from order statistics
    low, high = (ratios[round(_TURNS / 2 + side * wide)] for side in (-1, 1))
    percent = [100 * (float(ratio) - 1) for ratio in (np.median(ratios), low, min(high, ratios[-1]))]
    what = "kept" if kept else "made"
    plain, extra = float(np.median(spent[False])) * 1e6, float(np.median(spent[True]) - np.median(spent[False])) * 1e6
    goal = f"<= {_OVERHEAD:g}"
    yield Row(
        f"overhead on /query, answer {what}",
        percent[0],
        "%",
        goal,
        percent[0] <= _OVERHEAD,
        percent[1],
        percent[2],
        _PART,
    )
    yield Row(f"CPU of a question without releases, answer {what}", plain, "us", part=_PART)
    yield Row(f"CPU that releases add, answer {what}", extra, "us", part=_PART)


def _begin(folder: Path) -> None:
    """A release that answers as the settings do, for half of the users: what differs is the work of releasing."""
    with opened(read_settings(working_dir=folder)) as house:
        desk = Desk(house.delivery, house.clock)
        desk.keep(release("same", {"max_hops": house.settings.max_hops}), _ACTOR, "")
        desk.start(Wish("same", _PLAN, "same"), _ACTOR, "")


def _ask(service: str, count: int, chance: np.random.Generator) -> None:
    with _connected(service) as connection:
        for number in range(count):
            _asked(connection, QUESTIONS[number % len(QUESTIONS)], int(chance.integers(_USERS)))


@contextmanager
def _connected(service: str) -> Iterator[HTTPConnection]:
    place = urlsplit(service)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=60)
    try:
        yield connection
    finally:
        connection.close()


def _asked(connection: HTTPConnection, question: str, user: int, talk: str = "talk") -> str:
    """The release and arm that answered; in another talk a user may get what was taken from the one before."""
    body = orjson.dumps({"query": question, "user": f"user-{user}"})
    headers = {"Content-Type": "application/json", "X-Session-ID": f"{talk}-{user}"}
    connection.request("POST", "/query", body, headers)
    reply = connection.getresponse()
    reply.read()
    if reply.status != 200:  # noqa: PLR2004 - OK
        raise NotFound(f"The service answers {reply.status} to a question; try `cmo serve` to see why.")
    return reply.headers.get("X-Release", "")


def _cpu(address: str) -> float:
    """Seconds that the processes of a service have worked.

    By the clocks of the processes (clock_getcpuclockid, as Linux numbers them), to the nanosecond: their files in /proc
    tell hundredths of a second.
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in _workers(address))


def _workers(address: str) -> list[int]:
    """Processes that take connections at an address."""
    from psutil import net_connections  # type: ignore[import-untyped]  # noqa: PLC0415 - for developers

    port = urlsplit(address).port
    return sorted({one.pid for one in net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port})


# -- taking back -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Load:
    """Users who ask all the time, each on a connection of their own, which one worker has."""

    service: str
    talk: str
    stop: threading.Event = field(default_factory=threading.Event)
    last: dict[int, float] = field(default_factory=dict)
    """When a release answered last, by the port that asked."""

    def ask(self, seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not self.stop.is_set():
            with _connected(self.service) as connection:  # now and then another one, which another worker may take
                for _ in range(_ON_ONE):
                    self._ask(connection, chance)

    def _ask(self, connection: HTTPConnection, chance: np.random.Generator) -> None:
        if self.stop.is_set():
            return
        arm = _asked(connection, str(chance.choice(QUESTIONS)), int(chance.integers(_USERS)), self.talk)
        if arm.endswith("arm=new"):
            self.last[int(connection.sock.getsockname()[1])] = time.monotonic()


def _back(base: Path) -> Iterator[Row]:
    with service(base, _WORKERS, CMO_DELIVERY="true", CMO_CACHE="false") as running:
        _begin(base)
        _awake(running)
        for what, act in (("rolled back", _command), ("switched off for all", _switch)):
            late, workers = _latest(running, what, lambda act=act: act(base))  # type: ignore[misc]
            goal, name = f"<= {_BACK:g}", f"{what}: from the decision to the last answer of the release"
            yield Row(name, late, "s", goal, late <= _BACK, part=_PART)
            yield Row(
                f"{what}: workers that it was taken from", workers, "", f"{_WORKERS}", workers == _WORKERS, part=_PART
            )
            _anew(base)


def _awake(running: str) -> None:
    """Wait until every worker takes connections: the first is there long before the last."""
    until, chance = time.monotonic() + _WAKES, np.random.default_rng(0)
    while time.monotonic() < until:
        with ExitStack() as stack:
            for _ in range(2 * _WORKERS):
                _asked(stack.enter_context(_connected(running)), QUESTIONS[0], int(chance.integers(_USERS)))
            if len(set(_owners(running).values())) >= _WORKERS:
                return


def _latest(running: str, what: str, act: Callable[[], float]) -> tuple[float, int]:
    """Seconds until the last answer of a release, and how many workers had given any."""
    load = _Load(running, what.split(maxsplit=1)[0])
    threads = [threading.Thread(target=load.ask, args=(seed,)) for seed in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        had, until = set[int](), time.monotonic() + _ON
        while (now := time.monotonic()) < until or (len(had) < _WORKERS and now < until + _WAKES):
            time.sleep(0.2)
            owners = _owners(running)
            had |= {owners[port] for port in list(load.last) if port in owners}
        decided = act()
        time.sleep(_ON)
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()
    return max(0.0, max(load.last.values()) - decided), len(had)


def _owners(running: str) -> dict[int, int]:
    """Which worker has the connection from a port."""
    from psutil import net_connections  # noqa: PLC0415

    port = urlsplit(running).port
    taken = [
        one for one in net_connections("tcp") if one.status == "ESTABLISHED" and one.laddr.port == port and one.pid
    ]
    return {int(one.raddr.port): one.pid for one in taken}


def _command(base: Path) -> float:
    with opened(read_settings(working_dir=base)) as house:
        Desk(house.delivery, house.clock).command(Command.DISABLE, _ACTOR, "measured")
        return time.monotonic()


def _switch(base: Path) -> float:
    with opened(read_settings(working_dir=base)) as house:
        Desk(house.delivery, house.clock).set_flag(ENABLED, value=False, who={}, actor=_ACTOR, reason="measured")
        return time.monotonic()


def _anew(base: Path) -> None:
    """The release answers half of the users again, and every process knows."""
    with opened(read_settings(working_dir=base)) as house:
        desk = Desk(house.delivery, house.clock)
        if ENABLED in house.delivery.current().flags:
            desk.set_flag(ENABLED, None, {}, _ACTOR, "measured")
        else:
            desk.command(Command.RESUME, _ACTOR, "measured")
    time.sleep(1.5)


def summary(rows: Sequence[Row]) -> str:
    """How many goals are met, and what shows the rest: releases that are worse, and one that is not, from end to end."""
    told = [row.met for row in rows if row.met is not None]
    return f"{sum(told)} of {len(told)} goals met. Releases from end to end, under load: {LIVE}"
