"""`cmo bench serve`: what the real service does under load, part by part, asked by a second process.

::

    base --copied--> cmo serve --workers 2 <--questions-- asker --> rows, charts --> results.json, as soon as a part ends
      questions that are answered with citations are sifted first; a reply that then lacks them ends the part
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import orjson

from cmo.bench.answer_table import ended, machine
from cmo.bench.asking import asked
from cmo.bench.chart import chart
from cmo.bench.figures import Row
from cmo.bench.job import Heard, Job
from cmo.bench.load import Answered
from cmo.bench.running import Running, running
from cmo.errors import NotFound, OracleError
from cmo.kit.clock import SystemClock
from cmo.kit.files import write_atomic
from cmo.stories.recall import DOUBTFUL

WORKERS: Final = 2
CITED: Final = '"citations":[{'
"""Stands in each reply that cites something."""
REFUSALS: Final = (429, 503)
_SIFTERS: Final = 4
WARM: Final = 240
"""Questions that a service was asked before it is measured."""
_LEAST: Final = 30
_PATIENCE: Final = 30.0
Say = Callable[[str], object]


@dataclass
class Results:
    """What was measured so far, in a file that is written as each part ends."""

    path: Path
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What an earlier run left; nothing where there is no such file."""
        return cls(path, orjson.loads(path.read_bytes())["parts"] if path.is_file() else {})

    @classmethod
    def anew(cls, path: Path) -> Self:
        """Nothing yet; what an earlier run left is put aside."""
        if path.is_file():
            path.replace(path.with_suffix(".before.json"))
        return cls(path)

    def rows(self) -> list[Row]:
        """All figures, part by part."""
        return [replace(Row(**row), part=name) for name, facts in self.parts.items() for row in facts["rows"]]

    def about(self) -> dict[str, Any]:
        """The machine when the first part began, and when the last one ended."""
        said = [facts["about"] for facts in self.parts.values()]
        return {**said[0], "load_after": said[-1]["load_after"]} if said else ended(machine())

    def put(self, name: str, rows: Sequence[Row], about: Mapping[str, Any]) -> None:
        """Keep a part."""
        when = SystemClock().now().isoformat(timespec="seconds")
        plain = [asdict(row) for row in rows]
        self.parts[name] = {"when": when, "about": dict(about), "rows": plain}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path, orjson.dumps({"parts": self.parts}, option=orjson.OPT_INDENT_2))

    def draw(self, name: str, title: str, heard: Heard, target_seconds: float) -> None:
        """A chart beside the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        points = [Answered(at, seconds, status == 200, False) for at, seconds, status in heard.points]  # noqa: FBT003, PLR2004
        write_atomic(self.path.with_name(f"{name}.svg"), chart(title, points, target_seconds).encode())


class Bench:
    """A service that is measured; started anew where a part wants other settings; ends when left.

    Args:
        base: folder of a base; a copy of it is served.
        questions: at least some dozens.
        work: where the copy is made.
        results: where figures are kept.
        say: hears what is being done.
        kept: a folder that stays: for what is made once.
        minutes: that the soak takes.
        workers: processes that answer.
    """

    def __init__(
        self,
        base: Path,
        questions: Sequence[str],
        work: Path,
        results: Results,
        say: Say,
        *,
        kept: Path,
        minutes: float = 30.0,
        workers: int = WORKERS,
    ) -> None:
        self.base = base
        self.kept = kept
        self._bodies = [orjson.dumps({"query": question}).decode() for question in dict.fromkeys(questions)]
        self._work = work
        self.results = results
        self.say = say
        self.minutes = minutes
        self.workers = workers
        self.pace = 1.0
        """Of the seconds that a part measures; tests take less."""
        self._sifted: list[str] | None = None
        self._held = ExitStack()
        self._as: tuple[tuple[str, str], ...] | None = None
        self._one: Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def service(self, **environment: str) -> Running:
        """One with these settings, all of whose workers are warm."""
        wanted = tuple(sorted(environment.items()))
        if self._one is None or self._as != wanted:
            self._held.close()
            self._one, self._as = self._held.enter_context(self.another(**environment)), wanted
        return self._one

    @contextmanager
    def another(self, **environment: str) -> Iterator[Running]:
        """The same beside whatever runs."""
        with TemporaryDirectory(prefix="base-", dir=self._work) as folder:
            copy = shutil.copytree(self.base, Path(folder) / "base")
            told = " ".join(f"{name}={value}" for name, value in environment.items())
            self.say(f"starting cmo serve --workers {self.workers} {told}".strip())
            with running(copy, self.workers, **environment) as one:
                self._warm(one)
                yield one

    def rest(self) -> None:
        """End the service."""
        self._held.close()
        self._one = None

    @property
    def bodies(self) -> list[str]:
        """Questions that are answered with citations, as they are sent."""
        if self._sifted is None:
            self.service(CMO_CACHE="false")
        assert self._sifted is not None
        return self._sifted

    def lasting(self, one: Running, most: int) -> list[str]:
        """Questions whose answers are kept for more than moments, because the papers are sure of them."""
        found = []
        with closing(HTTPConnection("127.0.0.1", one.port, timeout=_PATIENCE)) as line:
            for body in self.bodies:
                line.request("POST", "/query", body.encode(), {"Content-Type": "application/json"})
                reply = orjson.loads(line.getresponse().read())
                if reply.get("confidence", 0) >= DOUBTFUL:
                    found.append(body)
                if len(found) == most:
                    break
        if not found:
            raise NotFound("The papers are sure of no answer, so none is kept. Name a base with more papers.")
        return found

    def ask(self, one: Running, seconds: float, **how: Any) -> Heard:
        """Have a service asked; each answer cites, and what else `holds` says."""
        meanwhile, wrong = how.pop("meanwhile", None), how.pop("most_wrong", 0)
        holds = (CITED, *how.pop("holds", ()))
        bodies = how.pop("bodies", None) or self.bodies
        how = {"warm_seconds": 2.0 * self.pace, **how}
        return asked(Job(one.port, bodies, seconds * self.pace, holds=holds, **how), meanwhile, wrong=wrong)

    def _warm(self, one: Running) -> None:
        """Warm a service that has just begun, and find the questions that are answered with citations."""
        one.awake(self.workers)
        first = self._sifted is None
        bodies = self._bodies if self._sifted is None else self._sifted[:WARM]
        self.say(f"asking {len(bodies)} questions once" + (", to keep those that are answered" if first else ""))
        job = Job(one.port, bodies, 0, once=True, connections=_SIFTERS, holds=(CITED,), refusals=REFUSALS)
        heard = asked(job, wrong=len(bodies) if first else 0)
        if not first:
            return
        self._sifted = [bodies[n] for n in heard.good]
        if len(self._sifted) < _LEAST:
            told = f"{len(self._sifted)} of {len(bodies)} questions are answered with citations; {_LEAST} are needed."
            raise NotFound(f"{told} {heard.example}")


Part = Callable[[Bench], Iterator[Row]]


def measure(bench: Bench, parts: Mapping[str, Part], *, resume: bool = False) -> Iterator[Row]:
    """The figures of some parts; each part is kept as it ends.

    Args:
        bench: measures.
        parts: by name.
        resume: what stands in the results is not measured again.
    """
    for name, part in parts.items():
        if resume and name in bench.results.parts:
            bench.say(f"{name} was measured {bench.results.parts[name]['when']}")
            continue
        about, rows = machine(), list[Row]()
        try:
            for row in part(bench):
                rows.append(replace(row, part=name))
                yield rows[-1]
        except (OracleError, OSError, SubprocessError, ValueError) as error:  # what the others say is not lost
            bench.rest()
            bench.say(f"{name} FAILED: {error}")
            rows.append(Row("could not be measured to its end", 0, "", "measured", met=False, part=name))
            yield rows[-1]
        bench.results.put(name, rows, ended(about))
