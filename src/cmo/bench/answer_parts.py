"""`cmo bench answer`: every figure of answers, part by part, in one run.

::

    extractive   speed in process beside one encoding; citations; quotes looked up     served   the same over HTTP
    generated    what a model says, checked and unchecked                              yesno    beside always yes
    grounding    support on SciFact by cross-validation, beside cosine and ROUGE-L     outage   everything outside fails
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from cmo.answer.generate import Limits
from cmo.app import App, opened
from cmo.assess import SupportScorer
from cmo.bench import answer_extractive, answer_yesno, generated, grounding_crossed, served, yesno
from cmo.bench.bases import made
from cmo.bench.figures import Row
from cmo.bench.figures import as_json as plain
from cmo.bench.generated_scribe import Scribe
from cmo.bench.outage import PATIENCE, SECONDS, USERS, Drill, Drilled
from cmo.bench.outage_faults import OUTAGES
from cmo.errors import NotFound
from cmo.ingest.sentences import split
from cmo.llm import ChatEndpoint
from cmo.model.outside import ChatStream
from cmo.settings import Settings
from cmo.vocabulary.units import quantities

Progress = Callable[[str, int, int], object]
"""Called with what is being done, how much of it is done, and how much there is (0 where nobody knows)."""
_CLAIMS: Final = Path("grounding/scifact_claims")


@dataclass(frozen=True, slots=True)
class Run:
    """What is measured, and with what."""

    settings: Settings
    data: Path
    """The folder that holds papers, qa and grounding."""
    folder: Path
    """Where bases are made and kept."""
    progress: Progress
    most: int = 110
    """Questions about articles that are asked at most."""
    limits: Limits = field(default_factory=Limits)
    url: str = ""
    """Of a language model; without one, a writer of rules."""
    model: str = ""
    configured: bool = False
    """The model that the settings name, instead."""
    trials: list[generated.Trial] = field(default_factory=list)
    """What the model said to each question, once it was asked."""

    def at(self, name: str) -> Settings:
        """Settings of a base of its own."""
        return self.settings.model_copy(update={"working_dir": self.folder / name, "database_url": ""})


def measure(run: Run, only: tuple[str, ...] = ()) -> Iterator[Row]:
    """The figures of some parts, or of all of them.

    Raises:
        NotFound: there is no such part, or the data are not there.
    """
    if unknown := [name for name in only if name not in PARTS]:
        raise NotFound(f"There is no part {unknown[0]!r}. The parts are: {', '.join(PARTS)}.")
    for name in only or PARTS:
        for row in PARTS[name](run):
            yield replace(row, part=name)


def _articles(run: Run, held: ExitStack) -> tuple[App, list[generated.Asked]]:
    """The base of articles, and questions about them."""
    house = held.enter_context(opened(run.at(generated.CORPUS)))
    generated.filled(house, run.data, lambda what: run.progress(what, 0, 0))
    return house, generated.questions()[: run.most]


def _extractive(run: Run) -> Iterator[Row]:
    with ExitStack() as held:
        house, asked = _articles(run, held)
        yield from answer_extractive.measure(house, asked, lambda n: run.progress("asking", n, len(asked)))


def _served(run: Run) -> Iterator[Row]:
    with ExitStack() as held:
        house, asked = _articles(run, held)
        run.progress("asking a service", 0, 0)
        yield from served.over_http(house, [one.text for one in asked])


def _generated(run: Run) -> Iterator[Row]:
    with ExitStack() as held:
        house, asked = _articles(run, held)
        scribe = Scribe(split)
        writer = _model(run, house, held) or scribe
        bench = generated.Bench(house, writer, run.limits, true=scribe.true)
        for n, one in enumerate(asked, 1):
            run.trials.append(bench.ask(one))
            run.progress(f"writing ({writer.name})", n, len(asked))
    yield from generated.rows(run.trials)


def _model(run: Run, house: App, held: ExitStack) -> ChatStream | None:
    """The language model that is measured; None where none is."""
    if run.configured:
        return house.outside.needed("bench")
    if not run.url:
        return None
    key, seconds = run.settings.llm_api_key.get_secret_value(), run.settings.llm_seconds
    return held.enter_context(ChatEndpoint(base_url=run.url, model=run.model, api_key=key, timeout=seconds))


def _grounding(run: Run) -> Iterator[Row]:
    with opened(run.settings) as house:
        scorer = SupportScorer(house.encoder, quantities)
        samples = grounding_crossed.samples_of(
            run.data / _CLAIMS, scorer, lambda done, total: run.progress("comparing claims", done, total)
        )
        run.progress("judging claims by heads that never saw them", 0, 0)
        yield from grounding_crossed.figures(grounding_crossed.crossed(samples, scorer))


def _yesno(run: Run) -> Iterator[Row]:
    corpora = yesno.corpora(run.data)
    samples = [s for c in corpora for s in yesno.sampled(c, run.settings, run.folder, run.progress)]
    stated = yesno.unseen(samples)
    with ExitStack() as held:
        house = held.enter_context(opened(run.at(corpora[0].name)))
        model = _model(run, house, held)
        for corpus in corpora:
            own = [s for s in samples if s.corpus == corpus.name]
            yield from answer_yesno.rows(corpus, own, stated[np.array([s.corpus == corpus.name for s in samples])])
            if model is not None:
                yield from _by_model(run, corpus, own, model)


def _by_model(run: Run, corpus: yesno.Corpus, samples: list[yesno.Sample], model: ChatStream) -> Iterator[Row]:
    def say(n: int) -> None:
        run.progress(f"{corpus.title}: {model.name}", n, run.most)

    return answer_yesno.by_model(corpus, samples, model, most=run.most, say=say)


def _outage(run: Run) -> Iterator[Row]:
    _, whole, _ = yesno.corpora(run.data)
    with opened(run.at("outage")) as house:
        made(house, lambda: islice(whole.papers(), USERS), lambda n: run.progress("ingesting", n, USERS), USERS)
    questions, drilled = [one.text for one in whole.asked[:USERS]], list[Drilled]()
    for cache in dict.fromkeys(outage.cache for outage in OUTAGES):
        with Drill(run.folder / "outage", questions, cache) as drill:
            for outage in (one for one in OUTAGES if one.cache == cache):
                run.progress(outage.name, len(drilled), len(OUTAGES))
                drilled.append(drill.run(outage))
                yield from _heard(drilled[-1])
    cents = sum(one.unreserved for one in drilled)
    yield Row.at_most(f"unreserved, of {sum(d.sent for d in drilled):,} requests", round(cents, 4), "cents", 0)


def _heard(drilled: Drilled) -> Iterator[Row]:
    limit = f"within {SECONDS + PATIENCE:g} s of {SECONDS:g}"
    name = f"{drilled.outage}: answered or honestly refused {limit} (slowest {drilled.slowest:.1f} s)"
    yield Row.at_least(name, round(drilled.in_time, 4), "", 1)
    yield Row(f"{drilled.outage}: answered", round(drilled.answered, 4), "")


PARTS: Final[Mapping[str, Callable[[Run], Iterator[Row]]]] = MappingProxyType(
    {
        "extractive": _extractive,
        "served": _served,
        "generated": _generated,
        "yesno": _yesno,
        "grounding": _grounding,
        "outage": _outage,
    }
)


def as_json(rows: Sequence[Row], run: Run, about: Mapping[str, Any]) -> dict[str, Any]:
    """The machine, the figures, and each question that a model was asked with its answer."""
    return {"about": dict(about), "rows": plain(rows), "trials": generated.told(run.trials)}
