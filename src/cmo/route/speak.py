"""What an asker is told of a route: a notice beside the answer, or why there is none."""

from __future__ import annotations

from dataclasses import replace

from cmo.model.answers import Answer, NoAnswer, RefusalReason
from cmo.model.routes import Conditions, Destination, ResearchCategory, Route, Scope

_SURE = 0.8
"""Probability from which a notice says outright what a question is."""
_CURRENT = (
    "This {asks} for what is recent or moves, such as news, approvals or prices. No web engine is set up, so the answer "
    "comes from the papers of this base and may be out of date."
)
_PARTLY = (
    "Part of this {asks} for what is recent or moves. No web engine is set up, so the answer comes from the papers of "
    "this base; that part of it may be missing or out of date."
)
_UNSURE = "This may ask for advice on one person's health. What follows are findings of papers, no advice."
_TOOL = (
    "This asks about this tool, of which the papers do not tell. `cmo kb status` and GET /health say how it is, `cmo --help` and the pages "
    "under docs/ what it does."
)
_CRISIS = (
    "If anybody is in danger, or you think of harming yourself, please call your emergency number or a crisis line now."
)
_ADVICE = (
    "This asks for advice on one person's health, which this service does not give: papers tell of groups, and nobody "
    f"here knows the person. Please ask a physician or a pharmacist. {_CRISIS} "
    "Ask about the disease, the drug or the test in general, and the papers will be searched."
)
_HELP = (
    "If you think of harming yourself, or are in danger, please call your emergency number or a crisis line now: somebody will listen. "
    "This service only searches papers and cannot help with that."
)
_HARM = f"This asks for help with something that could harm people, which this service does not give. {_CRISIS}"
_ELSEWHERE = (
    "This seems to be about something else than biomedicine or this tool. The papers were searched all the same and "
    "do not say enough to answer it."
)


def notice(route: Route, conditions: Conditions) -> str:
    """What the asker should know; empty where there is nothing to know."""
    if route.scope is Scope.UNSAFE:
        return _UNSURE
    if route.research is ResearchCategory.SYSTEM_MAINTENANCE and route.research_probability >= _SURE:
        return _TOOL
    if conditions.web:
        return ""
    told = {Destination.PERPLEXITY: _CURRENT, Destination.HYBRID: _PARTLY}.get(route.destination, "")
    return told.format(asks="asks" if route.probability >= _SURE else "may ask")


def unsafe(question: str, route: Route) -> Answer:
    """The refusal of what is unsafe: nothing was searched."""
    spoken = {reason.name for reason in route.reasons if reason.weight >= 0}
    message = _HELP if "rule:crisis" in spoken else _HARM if "rule:harm" in spoken else _ADVICE
    refusal = NoAnswer(RefusalReason.UNSAFE, message, 0, ())
    return Answer(question, (), (), 0.0, "", refusal=refusal)


def help_for(question: str) -> Answer:
    """What is said to a cry for help; nothing was searched."""
    return Answer(question, (), (), 0.0, "", refusal=NoAnswer(RefusalReason.UNSAFE, _HELP, 0, ()))


def out_of_scope(answer: Answer, route: Route) -> Answer:
    """An answer, or where there is none to a question of another subject, that reason."""
    thin = answer.refusal is not None and answer.refusal.reason is RefusalReason.THIN_EVIDENCE
    if not thin or route.scope is not Scope.OUT:
        return answer
    assert answer.refusal is not None
    return replace(answer, refusal=replace(answer.refusal, reason=RefusalReason.OUT_OF_SCOPE, message=_ELSEWHERE))
