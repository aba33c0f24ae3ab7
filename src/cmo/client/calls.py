"""The calls: what each endpoint takes, as arguments. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

import httpx

from cmo.client import shapes, shapes_base, shapes_service
from cmo.client.endpoint import Call
from cmo.client.upload import File, Progress

Mode = Literal["naive", "local", "global", "hybrid", "mix"]
Style = Literal["bibtex", "ris", "vancouver"]
JSON = dict[str, Any]
_ANEW: Final = {"Cache-Control": "no-cache"}
_UPLOAD_SECONDS: Final = 3600.0
_DEEP_SECONDS: Final = 600.0
_UNWELL: Final = frozenset({503})


class Filters(TypedDict, total=False):
    """What a passage must be to count; what is left out admits everything."""

    year_from: int | None
    year_to: int | None
    journals: Sequence[str]
    sections: Sequence[str]
    papers: Sequence[str]


def ask(
    query: str,
    *,
    mode: Mode = "hybrid",
    filters: Filters | None = None,
    user: str = "",
    tenant: str = "",
    max_cost: float | None = None,
    anew: bool = False,
) -> Call[shapes.Reply]:
    """Ask a question; `anew` passes by what is kept from earlier ones, `max_cost` is in dollars."""
    body = {"query": query, "mode": mode, "filters": filters or {}, "user": user, "tenant": tenant}
    return Call(body={**body, "max_cost": max_cost}, headers=_ANEW if anew else {})


def search(query: str, *, limit: int = 10, mode: Mode = "hybrid", filters: Filters | None = None) -> Call[shapes.Found]:
    """Find passages, without making an answer of them."""
    wanted: Mapping[str, Any] = {**(filters or {})}
    return Call(params={"query": query, "limit": limit, "mode": mode, **wanted})


def deep(
    query: str,
    *,
    thread: str = "",
    mode: Mode = "hybrid",
    filters: Filters | None = None,
    user: str = "",
    tenant: str = "",
    max_cost: float | None = None,
    deadline_ms: int | None = None,
) -> Call[shapes.Deep]:
    """Ask a question of several parts, answered in steps; after `deadline_ms` what there is by then is told."""
    body = {"query": query, "thread_id": thread, "mode": mode, "filters": filters or {}, "user": user, "tenant": tenant}
    return Call(body={**body, "max_cost": max_cost, "deadline_ms": deadline_ms}, seconds=_DEEP_SECONDS)


def thread(thread_id: str) -> Call[shapes_service.Thread]:
    """What was asked in a thread of deep questions, and what can be gone on with."""
    return Call({"thread_id": thread_id})


def forget_thread(thread_id: str) -> Call[shapes_service.Forgotten]:
    """Delete a thread and all that was asked in it."""
    return Call({"thread_id": thread_id})


def enhanced(
    query: str,
    *,
    mode: Mode = "mix",
    filters: Filters | None = None,
    max_hops: int | None = None,
    reasoning: bool | None = None,
) -> Call[shapes.Reply]:
    """Ask with the help of the graph."""
    return Call(body=_enhanced(query, mode, filters, max_hops, reasoning))


def compare(
    query: str,
    *,
    mode: Mode = "mix",
    filters: Filters | None = None,
    max_hops: int | None = None,
    reasoning: bool | None = None,
) -> Call[shapes.Comparison]:
    """The same question without the graph and with it."""
    return Call(body=_enhanced(query, mode, filters, max_hops, reasoning))


def reach() -> Call[shapes.Reach]:
    """How far the graph may carry a search."""
    return Call()


def set_reach(
    *, multi_hop: bool | None = None, max_hops: int | None = None, reasoning: bool | None = None
) -> Call[shapes.Reach]:
    """Change that for everybody; what is None stays."""
    return Call(body={"multi_hop_enabled": multi_hop, "max_hops": max_hops, "reasoning_enabled": reasoning})


def classify(query: str, *, priority: Literal["high", "normal", "low"] = "normal") -> Call[shapes_base.Classified]:
    """The class of a question."""
    return Call(body={"query": query, "priority": priority})


def feedback(
    answer_id: str, rating: int, comment: str = "", *, user: str = "", tenant: str = ""
) -> Call[shapes_base.Feedback]:
    """Rate an answer, 1 to 5; each user has one rating of it, the last."""
    return Call(body={"answer_id": answer_id, "rating": rating, "comment": comment, "user": user, "tenant": tenant})


def answer(answer_id: str) -> Call[shapes_base.Given]:
    """An answer as it was given."""
    return Call({"answer_id": answer_id})


def references(answer_id: str, style: Style = "bibtex") -> Call[str]:
    """The papers that it cites, for a reference manager or a journal."""
    return Call({"answer_id": answer_id}, {"style": style}, read=_text)


def replay(answer_id: str) -> Call[shapes_base.Replay]:
    """Ask it again: what would differ today, and why."""
    return Call({"answer_id": answer_id})


def evidence(evidence_id: str) -> Call[shapes_base.Place]:
    """Where a sentence is printed."""
    return Call({"evidence_id": evidence_id})


def beside(evidence_id: str, *, neighbours: int = 2, others: int = 12) -> Call[shapes_service.Beside]:
    """What stands before and after a sentence, and what other papers say for and against it."""
    return Call({"evidence_id": evidence_id}, {"neighbours": neighbours, "others": others})


def page(paper_id: str, number: int, *, evidence: Sequence[str] = (), scale: float = 2.0) -> Call[bytes]:
    """A page as it is printed, as PNG, with sentences highlighted."""
    return Call({"paper_id": paper_id, "page": number}, {"evidence": list(evidence), "scale": scale}, read=_bytes)


def papers(match: str = "", *, limit: int = 200, offset: int = 0) -> Call[shapes_base.PaperList]:
    """The papers of the base, newest first; `match` are words of title, authors, journal, DOI or file name."""
    return Call(params={"match": match, "limit": limit, "offset": offset})


def paper(paper_id: str) -> Call[shapes_base.PaperDetail]:
    """One paper and its pages."""
    return Call({"paper_id": paper_id})


def upload(*files: str | Path | File, progress: Progress | None = None) -> Call[shapes_base.Outcomes]:
    """Add papers, or replace them: a file whose DOI, PMID or title is that of a stored paper becomes its new version."""
    return Call(files=[File.of(file) for file in files], progress=progress, seconds=_UPLOAD_SECONDS)


def retract(paper_id: str, reason: str) -> Call[shapes.Paper]:
    """Take a paper out of everything that can be found or cited."""
    return Call({"paper_id": paper_id}, {"reason": reason})


def graph(concept: str, *, hops: int = 1, limit: int = 12, sentences: int = 1) -> Call[shapes_base.Neighbourhood]:
    """A concept and what is said around it."""
    return Call(params={"concept": concept, "hops": hops, "limit": limit, "sentences": sentences})


def path(start: str, end: str, *, hops: int = 3, limit: int = 5, sentences: int = 1) -> Call[shapes_base.GraphPaths]:
    """The surest ways from one concept to another."""
    return Call(params={"start": start, "end": end, "hops": hops, "limit": limit, "sentences": sentences})


def health() -> Call[shapes_base.Health]:
    """Whether the service works, by parts; told as well when it does not."""
    return Call(also=_UNWELL)


def engine_health() -> Call[shapes_base.Health]:
    """The same of what answers from the papers."""
    return Call(also=_UNWELL)


def live() -> Call[shapes_base.Live]:
    """Whether the service answers at all."""
    return Call()


def ready() -> Call[shapes_base.Ready]:
    """Whether it takes questions now, and why not; told as well when it does not."""
    return Call(also=_UNWELL)


def status() -> Call[shapes_base.Status]:
    """What the knowledge base holds."""
    return Call()


def statistics() -> Call[shapes_base.Statistics]:
    """How classifying goes."""
    return Call()


def metrics() -> Call[shapes_service.Metrics]:
    """How the service does, in figures."""
    return Call()


def me() -> Call[shapes_service.Who]:
    """Who the service takes the caller for."""
    return Call()


def problem(code: str) -> Call[shapes_base.ProblemKind]:
    """What a code of a problem means."""
    return Call({"code": code})


def releases() -> Call[JSON]:
    """The rollout under way, its evidence, who did what."""
    return Call()


def start_release(release: str, actor: str, *, reason: str = "", **more: Any) -> Call[JSON]:
    """Begin a rollout; `more` are the fields `settings`, `about`, `plan`, `name`, `allow`, `deny`, `cohorts`."""
    return Call(body={"release": release, "actor": actor, "reason": reason, **more})


def move_release(
    command: Literal["pause", "resume", "approve", "back", "stop"], actor: str, reason: str = ""
) -> Call[JSON]:
    """Move the rollout under way by hand."""
    return Call({"command": command}, body={"actor": actor, "reason": reason})


def set_flag(name: str, value: bool | float | str, actor: str, *, reason: str = "", **more: Any) -> Call[JSON]:
    """Set a flag; `more` are the fields `percent`, `allow`, `deny`, `cohorts`."""
    return Call({"name": name}, body={"value": value, "actor": actor, "reason": reason, **more})


def experiments() -> Call[JSON]:
    """All experiments."""
    return Call()


def experiment(name: str) -> Call[JSON]:
    """One experiment with what it found."""
    return Call({"name": name})


def act_on_experiment(name: str, deed: Literal["start", "stop"], actor: str, reason: str = "") -> Call[JSON]:
    """Start an experiment, or stop it."""
    return Call({"name": name, "deed": deed}, body={"actor": actor, "reason": reason})


def _enhanced(
    query: str, mode: Mode, filters: Filters | None, max_hops: int | None, reasoning: bool | None
) -> Mapping[str, Any]:
    return {"query": query, "mode": mode, "filters": filters or {}, "max_hops": max_hops, "reasoning": reasoning}


def _text(reply: httpx.Response) -> str:
    return reply.text


def _bytes(reply: httpx.Response) -> bytes:
    return reply.content
