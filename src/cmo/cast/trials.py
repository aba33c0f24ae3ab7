"""The part of the cast list for what is tried out and told: experiments, the shadow, notices.

::

    settings --notifier--> people
    tried: experiments (laboratory, watchman) and the shadow, each in a thread of its own, all off the asker's way
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmo.delivery.experiments import inline
from cmo.delivery.releases import BASELINE, Bundle, bundle
from cmo.errors import NotFound, StoreError
from cmo.kit.clock import Clock
from cmo.model.questions import Question
from cmo.settings import Settings

if TYPE_CHECKING:  # a question needs none of it
    from cmo.delivery.compare import Shown
    from cmo.delivery.experiment_live import Laboratory
    from cmo.delivery.experiment_watch import Watchman
    from cmo.delivery.experiments import Experiments, Findings
    from cmo.delivery.shadow import Candidate, Sampling, Shadow
    from cmo.delivery.shadow_remote import RemoteCandidate
    from cmo.kit.machine import Machine
    from cmo.notify import PostOffice
    from cmo.store.experiments import SqlExperiments

Unseen = Callable[[Bundle, Question], Mapping[str, Any]]
"""A reply by a bundle, as it would be sent, made in the calling thread."""
Support = Callable[[Mapping[str, Any]], float | None]
"""How well a reply's sentences are supported by what they cite."""


GATHER_SECONDS = 5.0
"""Least time between two messages to people: what happens in between becomes one."""
_LOOK_SECONDS = 10.0
"""For which an experiment's figures are shown as they were."""


class Trials:
    """Cheap to make; opens nothing before it is used.

    Args:
        settings: what is tried, and where notices go.
        clock: both clocks.
        folder: the working directory.
        store: opens what is kept of experiments.
        unseen: answers by a bundle.
        support: judges a reply.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        folder: Path,
        *,
        store: Callable[[], SqlExperiments],
        unseen: Unseen,
        support: Support,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._folder = folder
        self._open = store
        self._unseen = unseen
        self._support = support
        self._looking = threading.Lock()
        self._found: dict[str, tuple[float, Findings | None]] = {}

    @cached_property
    def notifier(self) -> PostOffice:
        """Tells people."""
        from cmo.notify import PostOffice, channels  # noqa: PLC0415 - see above

        return PostOffice(channels(self._settings, self._clock), self._clock, gather=GATHER_SECONDS)

    @cached_property
    def experiments(self) -> Experiments:
        """The experiments, as people handle them."""
        from cmo.delivery.experiments import Experiments  # noqa: PLC0415

        return Experiments(self._store, self._clock)

    @cached_property
    def laboratory(self) -> Laboratory:
        """The experiment that runs, as this process sees it."""
        from cmo.delivery.experiment_live import Laboratory  # noqa: PLC0415

        # A memory of questions would leave out those that several people ask.
        judging = self._shadow("", self._settings.experiment_share, remembered=0, keep=lambda _question, _pair: None)
        return Laboratory(self._store, self._clock, answers=self._unseen, shadow=judging)

    @cached_property
    def watchman(self) -> Watchman:
        """Looks at the running experiment now and then."""
        from cmo.delivery.experiment_watch import Watchman  # noqa: PLC0415

        every = self._settings.experiment_seconds
        return Watchman(self.experiments, self._store.lease, self.notifier, self._clock, every=every)

    @cached_property
    def shadow(self) -> Shadow | None:
        """The candidate that answers unseen; None where there is none."""
        from cmo.delivery.shadow_book import Book  # noqa: PLC0415

        settings = self._settings
        if not settings.shadow:
            return None
        sealed = settings.encryption_key.get_secret_value() or settings.encryption_key_file
        questions = settings.shadow_questions and settings.audit_days > 0 and not sealed
        book = Book(self._folder, settings.shadow, self._clock, questions=questions)
        with suppress(OSError, StoreError):  # it is tried again at the next start
            book.forget(self._clock.now() - timedelta(days=settings.audit_days))
        return self._shadow(settings.shadow, settings.shadow_share, keep=book.keep)

    def findings(self, name: str) -> Findings:
        """What an experiment found, worked out once in a while: whoever looks in between sees the same.

        Raises:
            NotFound: there is none of that name.
        """
        with self._looking:
            now = self._clock.monotonic()
            at, found = self._found.get(name, (-math.inf, None))
            if found is None or now - at >= _LOOK_SECONDS or found.experiment != self.experiments.get(name):
                at, found = now, self.experiments.findings(name)
                self._found = {name: (at, found)}
            return found

    def start(self) -> None:
        """Look and write, each in a thread of its own."""
        self.laboratory.start()
        self.watchman.start()

    def close(self) -> None:
        """Give everything back."""
        opened = self.__dict__
        for name in ("watchman", "shadow", "laboratory", "_remote", "notifier"):
            if opened.get(name) is not None:
                opened[name].close()

    @cached_property
    def _store(self) -> SqlExperiments:
        return self._open()

    @cached_property
    def _machine(self) -> Machine:
        from cmo.kit.machine import Machine  # noqa: PLC0415

        return Machine(self._clock, seconds=2.0)

    @cached_property
    def _remote(self) -> RemoteCandidate:
        from cmo.delivery.shadow_remote import RemoteCandidate  # noqa: PLC0415

        return RemoteCandidate(self._settings.shadow, self._settings.shadow_seconds)

    def _shadow(self, name: str, share: float, **more: Any) -> Shadow:
        from cmo.delivery.shadow import Sampling, Shadow  # noqa: PLC0415

        settings, keep = self._settings, more.pop("keep")
        sampling: Sampling = Sampling(
            share=share, per_minute=settings.shadow_per_minute, seconds=settings.shadow_seconds, **more
        )
        return Shadow(
            self._candidate(name), keep, sampling, monotonic=self._clock.monotonic, busy=self._busy, judge=self._judged,
            notifier=self.notifier,
        )  # fmt: skip

    def _candidate(self, name: str) -> Candidate:
        if name.startswith(("http://", "https://")):
            return self._remote
        return lambda question: self._unseen(self._bundle(name), question)

    def _bundle(self, name: str) -> Bundle:
        """Looked up each time: a release never changes, but it may come later than the service.

        Raises:
            NotFound: there is none of that name.
            SettingsError: they are no settings.
        """
        if not name:
            return BASELINE
        if "=" in name:
            return bundle(inline(name))
        release = self._store.release(name)
        if release is None:
            raise NotFound(f"CMO_SHADOW names the release {name!r}, and there is none.")
        return bundle(release.settings)

    def _busy(self) -> bool:
        busy = self._machine.usage().cpu_percent
        return busy is not None and busy > self._settings.shadow_busy_percent

    def _judged(self, question: str, shown: Shown) -> float | None:
        if not shown.answered:
            return None
        sentences = [
            {"text": text, "citations": list(cites)} for text, cites in zip(shown.sentences, shown.cites, strict=True)
        ]
        evidence = [{"citation": number, "text": text} for number, lines in shown.sources.items() for text in lines]
        return self._support({"question": question, "sentences": sentences, "evidence": evidence})
