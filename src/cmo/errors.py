"""Every error that this package raises on purpose.

::

    OracleError
    ├── BadQuestion        the question cannot be asked as it stands
    ├── BadFilter          an unknown mode, section or filter value
    ├── PaperRefused       a file that cannot become a paper; carries why and what to do
    ├── NotFound           no such paper, page, evidence or snapshot
    ├── ModelError
    │   ├── ModelMissing   the embedding model is not installed
    │   ├── ModelCorrupt   its files do not match their recorded checksums
    │   ├── ModelMismatch  the snapshot was made with another model
    │   ├── EmbeddingFailed  a remote embedding endpoint kept failing
    │   ├── ChatFailed     a language model's endpoint kept failing
    │   │   └── ChatEmpty  a language model said nothing, or would not answer
    │   └── WebFailed      a search of the web kept failing
    ├── EngineError        another engine, chosen instead of ours, cannot be used or did not answer
    ├── ServiceGone        no service answers at an address
    ├── ServiceRefused     a service refused what was asked, for a reason that is none of ours; carries status and problem
    ├── NotNow             this cannot be done now; carries after how many seconds to ask again
    │   ├── TooMany        one caller asks more often than is allowed
    │   ├── Overloaded     more is asked than can be answered in time
    │   ├── Resting        an outside service kept failing and is left alone for a while
    │   └── OverBudget     no money may be spent on this now
    ├── NotKnown           a key is needed, and what was shown is none that holds
    ├── NotAllowed         who asks is known, and may not do this
    ├── ProviderFailed     who is asked who somebody is (OpenID Connect) did not answer as it should
    ├── OutOfTime          the deadline of a request passed
    ├── LabelsUnusable     questions with labels cannot be read, or are too few to learn from
    ├── BadData            a file of annotated texts cannot be read
    ├── ImportRefused      what another program left cannot be brought in; carries the file, the place, what to do
    ├── StoreError
    │   ├── StoreLocked    another process is writing to this knowledge base
    │   ├── StoreFull      the disk is full
    │   └── StoreCorrupt   the database cannot be read
    ├── SnapshotCorrupt    an index snapshot does not match its manifest
    ├── VocabularyError    a vocabulary cannot be read, downloaded or found
    │   └── VocabularyCorrupt  an installed or compiled vocabulary does not match its manifest
    └── SettingsError      a setting has a value that cannot be used
        ├── ExtraMissing   this needs an extra that is not installed
        ├── PriceUnknown   nobody said what a model costs, so it is not called
        ├── AccessRefused  a key, a tenant or an address to listen on cannot be what was asked for
        ├── ReleaseRefused  a release, a rollout or a flag cannot be what was asked for
        ├── ExperimentRefused  an experiment cannot be planned, started or stopped like this
        └── WebhookRefused  nothing may be sent to an address, or there are too many webhooks

Messages say what was wrong, where, and what to do next. `code` is stable: the last part of a problem's type over HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class OracleError(Exception):
    """Root of all errors raised on purpose."""

    code = "error"
    status = 500
    """HTTP status that fits the error (RFC 9110)."""


class BadQuestion(OracleError):
    """The question is empty, too long or not text."""

    code, status = "bad-question", 422


class BadFilter(OracleError):
    """An unknown mode, section or filter value."""

    code, status = "bad-filter", 422


class PaperRefused(OracleError):
    """A file cannot become a paper.

    `reason` is one of a closed set (see `cmo.model.outcomes.Refusal`), `remedy` is what a person can do.
    """

    code, status = "paper-refused", 422

    def __init__(self, reason: str, detail: str, remedy: str) -> None:
        super().__init__(f"{detail} {remedy}".strip())
        self.reason = reason
        self.detail = detail
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[PaperRefused], tuple[str, str, str]]:
        """Cross a process border with all three parts."""
        return type(self), (self.reason, self.detail, self.remedy)


class NotFound(OracleError):
    """No such paper, page, evidence, snapshot, answer, thread or webhook."""

    code, status = "not-found", 404


class ModelError(OracleError):
    """The embedding model cannot be used."""

    code, status = "model", 503


class ModelMissing(ModelError):
    """The embedding model is not installed."""

    code = "model-missing"


class ModelCorrupt(ModelError):
    """The model's files do not match their recorded checksums."""

    code = "model-corrupt"


class ModelMismatch(ModelError):
    """The snapshot was made with another embedding model."""

    code = "model-mismatch"


class EmbeddingFailed(ModelError):
    """A remote embedding endpoint kept failing."""

    code = "embedding-failed"


class ChatFailed(ModelError):
    """A language model's endpoint kept failing."""

    code = "chat-failed"


class ChatEmpty(ChatFailed):
    """A language model said nothing, or would not answer."""

    code = "chat-empty"


class WebFailed(ModelError):
    """A search of the web kept failing."""

    code = "web-failed"


class EngineError(OracleError):
    """Another engine, chosen instead of ours, cannot be used or did not answer."""

    code, status = "engine", 503


class ServiceGone(OracleError):
    """No service answers at an address."""

    code, status = "service-gone", 502


class ServiceRefused(OracleError):
    """A service refused what was asked, for a reason that is none of ours, or replied what is no reply.

    `problem` is what it said, `after` the seconds after which it may be asked again; None where that is not known to help.
    """

    code, status = "service-refused", 502

    def __init__(
        self,
        detail: str,
        status: int = 502,
        code: str = "service-refused",
        after: float | None = None,
        problem: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.after = after
        self.problem = problem

    def __reduce__(self) -> tuple[type[ServiceRefused], tuple[str, int, str, float | None, dict[str, object]]]:
        """Cross a process border with all parts."""
        return type(self), (str(self), self.status, self.code, self.after, dict(self.problem))


class NotNow(OracleError):
    """This cannot be done now."""

    code, status = "not-now", 503

    def __init__(self, detail: str, after: float = 1.0) -> None:
        super().__init__(detail)
        self.after = after  # seconds, to ask again

    def __reduce__(self) -> tuple[type[NotNow], tuple[str, float]]:
        """Cross a process border with both parts."""
        return type(self), (str(self), self.after)


class TooMany(NotNow):
    """One caller asks more often than is allowed."""

    code, status = "too-many", 429


class Overloaded(NotNow):
    """More is asked than can be answered in time."""

    code = "overloaded"


class Resting(NotNow):
    """An outside service kept failing and is left alone for a while."""

    code = "resting"


class OverBudget(NotNow):
    """No money may be spent on this now; it is done without."""

    code = "over-budget"


class NotKnown(OracleError):
    """A key is needed, and what was shown is none that holds."""

    code, status = "not-known", 401


class NotAllowed(OracleError):
    """Who asks is known, and may not do this."""

    code, status = "not-allowed", 403


class ProviderFailed(OracleError):
    """Who is asked who somebody is did not answer, or not as it should."""

    code, status = "provider", 503


class OutOfTime(OracleError):
    """The deadline of a request passed."""

    code, status = "out-of-time", 504


class LabelsUnusable(OracleError):
    """Questions with labels cannot be read, or are too few to learn from."""

    code, status = "labels", 422


class BadData(OracleError):
    """A file of annotated texts cannot be read; the message names the line."""

    code, status = "bad-data", 422


class ImportRefused(OracleError):
    """What another program left cannot be brought in: a file is missing, broken, or says what cannot be."""

    code, status = "import-refused", 422


class StoreError(OracleError):
    """The record (the database of papers) cannot be used."""

    code, status = "store", 503


class StoreLocked(StoreError):
    """Another process is writing to this knowledge base."""

    code, status = "store-locked", 409


class StoreFull(StoreError):
    """The disk is full; what was acknowledged before is kept."""

    code, status = "store-full", 507


class StoreCorrupt(StoreError):
    """The database cannot be read."""

    code = "store-corrupt"


class SnapshotCorrupt(OracleError):
    """An index snapshot does not match its manifest."""

    code, status = "snapshot-corrupt", 503


class VocabularyError(OracleError):
    """A vocabulary cannot be read, downloaded or found: a file is not what it claims, or nobody knows the name."""

    code, status = "vocabulary", 422


class VocabularyCorrupt(VocabularyError):
    """An installed or compiled vocabulary does not match its manifest."""

    code, status = "vocabulary-corrupt", 503


class SettingsError(OracleError):
    """A setting has a value that cannot be used."""

    code = "settings"


class ExtraMissing(SettingsError):
    """This needs an extra that is not installed."""

    code, status = "extra-missing", 501


class PriceUnknown(SettingsError):
    """Nobody said what a model costs, so it is not called."""

    code, status = "price-unknown", 503


class AccessRefused(SettingsError):
    """A key, a tenant or an address to listen on cannot be what was asked for."""

    code, status = "access-refused", 422


class ReleaseRefused(SettingsError):
    """A release, a rollout or a flag cannot be what was asked for."""

    code, status = "release-refused", 422


class ExperimentRefused(SettingsError):
    """An experiment cannot be planned, started or stopped like this."""

    code, status = "experiment-refused", 422


class WebhookRefused(SettingsError):
    """Nothing may be sent to an address, or there are too many webhooks."""

    code, status = "webhook-refused", 422
