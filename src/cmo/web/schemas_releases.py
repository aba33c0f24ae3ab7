"""The shapes of releases, rollouts and flags over HTTP: `cmo.delivery.told` makes the replies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from cmo.web.schemas import Asked, Line, Sent

Value = StrictBool | StrictInt | Annotated[float, Field(allow_inf_nan=False, strict=True)] | StrictStr
Short = Annotated[Line, Field(min_length=1, max_length=100)]
Users = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=1000)]
Shown = bool | int | float | str


class ActBody(Asked):
    """Who does something, and why: both go into the audit."""

    actor: Short
    reason: Annotated[Line, Field(max_length=1000)] = ""


class StartBody(ActBody):
    """A rollout to begin."""

    release: Short
    """Its name; with `settings` it is made, where it is not there yet."""
    settings: Annotated[dict[Short, Value], Field(max_length=20)] = Field(default_factory=dict)
    about: Annotated[Line, Field(max_length=1000)] = ""
    plan: Annotated[str, Field(max_length=100)] = "cmo"
    """See `cmo rollout plans`."""
    name: Annotated[str, Field(max_length=63)] = ""
    allow: Users = Field(default_factory=list)
    """Users who have it from the beginning."""
    deny: Users = Field(default_factory=list)
    """Users who do not get it before all do."""
    cohorts: Users = Field(default_factory=list)
    """Only users of these groups."""


class FlagBody(ActBody):
    """A flag to set."""

    value: Value
    percent: Annotated[float, Field(ge=0, le=100)] | None = None
    allow: Users = Field(default_factory=list)
    deny: Users = Field(default_factory=list)
    cohorts: Users = Field(default_factory=list)


class GateOut(Sent):
    """What one gate says."""

    gate: str
    verdict: Literal["pass", "fail", "unsure"]
    text: str
    evidence: float
    """Towards failing: at 1 the gate fails."""


class RolloutOut(Sent):
    """A rollout: where it stands, and what its gates say."""

    name: str
    release: str
    settings: dict[str, Shown]
    baseline: str
    """The release that it replaces; empty for the settings."""
    plan: dict[str, Any]
    live: bool
    phase: Literal["running", "held", "waiting", "frozen", "backing", "back", "done"]
    stage: int
    percent: float
    share: float
    """Percent that it really gets, with the switches reckoned in."""
    since: float
    reason: str
    version: int
    begun_at: float
    at: float
    verdict: Literal["pass", "fail", "unsure"]
    gates: list[GateOut]
    slow_seconds: float
    """From which an answer counts as slow; 0 until that is found from the control."""
    allowed: list[str]
    denied: list[str]
    cohorts: list[str]


class EvidenceOut(Sent):
    """What the gates said at one time."""

    at: float
    version: int
    percent: float
    phase: str
    verdict: Literal["pass", "fail", "unsure"] = "unsure"
    gates: list[GateOut] = Field(default_factory=list)


class HistoryOut(Sent):
    """Who changed what, and why."""

    at: float
    actor: str
    action: str
    subject: str
    reason: str
    facts: dict[str, Any]


class ReleaseOut(Sent):
    """A release."""

    name: str
    settings: dict[str, Shown]
    about: str
    at: float


class FlagOut(Sent):
    """A flag: what is stored, else what the settings say."""

    name: str
    value: Shown | None
    source: Literal["stored", "environment", "settings"]
    about: str
    percent: float | None = None
    allowed: list[str] = Field(default_factory=list)
    denied: list[str] = Field(default_factory=list)
    cohorts: list[str] = Field(default_factory=list)


class ReleasesOut(Sent):
    """Everything about releases."""

    delivery: bool
    """Whether this service answers by releases (`CMO_DELIVERY`)."""
    changeable: bool
    """Whether changes are taken over HTTP (`CMO_ADMIN_TOKEN`)."""
    now: float
    rollout: RolloutOut | None
    evidence: list[EvidenceOut]
    history: list[HistoryOut]
    releases: list[ReleaseOut]
    flags: list[FlagOut]
