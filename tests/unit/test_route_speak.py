"""What an asker is told of a route."""

from dataclasses import replace

import pytest

from cmo.model.answers import RefusalReason
from cmo.model.routes import Conditions, Destination, ResearchCategory, Scope
from cmo.route import KeywordRouter, shipped_rules
from cmo.route.cascade import unmistakable
from cmo.route.head import Need
from cmo.route.speak import notice, unsafe

ROUTER = KeywordRouter(shipped_rules(), lambda: 2026)


@pytest.mark.parametrize(
    "question", ["My creatinine is 2.1, should I stop metformin?", "How can I kill myself with insulin?"]
)
def test_whoever_may_be_in_danger_is_told_whom_to_call(question: str) -> None:
    refusal = unsafe(question, ROUTER.route(question, Conditions())).refusal
    assert refusal is not None
    assert refusal.reason is RefusalReason.UNSAFE
    assert "call your emergency number or a crisis line now" in refusal.message


@pytest.mark.parametrize(
    "question",
    [
        "I want to die",
        "I don't want to live any more",
        "How do I kill myself with insulin?",
        "Ich will nicht mehr leben.",
        "quiero morir",
        "我想死",
    ],
)
def test_a_cry_for_help_needs_no_head_and_is_not_told_off(question: str) -> None:
    assert unmistakable(shipped_rules().read(question, 2026)) is Need.UNSAFE
    refusal = unsafe(question, ROUTER.route(question, Conditions())).refusal
    assert refusal is not None
    assert "somebody will listen" in refusal.message


@pytest.mark.parametrize(
    "question", ["Do cells that want to die activate caspases?", "What is the risk of suicide in patients with PKU?"]
)
def test_what_is_asked_of_suicide_in_general_is_no_cry_for_help(question: str) -> None:
    assert unmistakable(shipped_rules().read(question, 2026)) is None


@pytest.mark.parametrize(
    ("destination", "probability", "said"),
    [
        (Destination.PERPLEXITY, 0.95, "This asks for"),
        (Destination.PERPLEXITY, 0.64, "This may ask for"),
        (Destination.HYBRID, 0.95, "Part of this asks for"),
        (Destination.HYBRID, 0.64, "Part of this may ask for"),
    ],
)
def test_a_notice_is_as_sure_as_its_route(destination: Destination, probability: float, said: str) -> None:
    route = replace(ROUTER.route("Why?", Conditions()), destination=destination, probability=probability)
    assert notice(replace(route, scope=Scope.IN), Conditions(web=False)).startswith(said)
    assert notice(route, Conditions(web=True)) == ""


@pytest.mark.parametrize(("probability", "told"), [(0.99, True), (0.5, False)])
@pytest.mark.parametrize("web", [True, False])
def test_who_asks_about_the_tool_is_told_where_it_is_told(probability: float, told: bool, web: bool) -> None:
    route = replace(ROUTER.route("How many papers are indexed?", Conditions()), destination=Destination.LIGHTRAG)
    route = replace(route, research=ResearchCategory.SYSTEM_MAINTENANCE, research_probability=probability)
    assert ("cmo kb status" in notice(route, Conditions(web=web))) is told
