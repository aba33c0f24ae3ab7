"""Which model and which web the settings mean, and that what they mean is paid for."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from cmo.app import App, opened
from cmo.cast.outside import HERE, OLLAMA, OPENAI, Place, place_of
from cmo.errors import OverBudget, PriceUnknown, SettingsError
from cmo.llm.local import LocalModel
from cmo.model.chat import Message, Speaker
from cmo.settings import read_settings
from cmo.spend import Price

faulty: Any = sys.modules["proxy"]
ASKED = [Message(Speaker.USER, "Say yes.")]
URL, KEY = "http://127.0.0.1:9/v1", "sk-do-not-show-me"
Open = Callable[..., Any]


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({}, None),
        ({"llm_url": URL}, None),
        ({"llm_model": "gpt-4o-mini"}, None),
        ({"llm_url": URL, "llm_model": "m", "llm_api_key": KEY}, Place(URL, "m", KEY)),
        ({"llm_url": URL, "llm_model": "m", "llm_local": True}, Place(URL, "m", free=True)),
        ({"llm_url": URL, "llm_model": "smollm2"}, Place(URL, "smollm2")),
        ({"llm_model": "gpt-4o-mini", "llm_api_key": KEY}, Place(OPENAI, "gpt-4o-mini", KEY)),
        ({"llm_model": "smollm2", "llm_api_key": KEY}, Place(HERE, "smollm2", free=True)),
        ({"llm_model": "own.gguf"}, Place(HERE, "own.gguf", free=True)),
        ({"ollama_model": "llama3"}, Place(OLLAMA, "llama3", free=True)),
        ({"ollama_model": "llama3", "llm_url": URL, "llm_model": "m"}, Place(URL, "m")),
    ],
)
def test_the_settings_name_a_model(told: dict[str, Any], place: Place | None) -> None:
    assert place_of(read_settings(**told)) == place


def test_documented_names_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": KEY, "CMO_LLM_MODEL": "gpt-4o-mini", "LLM_TEMPERATURE": "0.1", "PERPLEXITY_API_KEY": KEY
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert place_of(settings) == Place(OPENAI, "gpt-4o-mini", KEY)
    assert settings.llm_temperature == 0.1
    assert KEY not in repr(settings) + repr(place_of(settings))


@pytest.fixture
def open_app(tmp_path: Any) -> Open:
    return lambda **told: opened(read_settings(working_dir=tmp_path / "base", **told))


def test_without_settings_there_is_neither(open_app: Open) -> None:
    with open_app() as app:
        assert (app.chat, app.websearch) == (None, None)
        assert "record" not in app.__dict__
        with pytest.raises(SettingsError, match="cmo models install smollm2"):
            _ = app.llm_reader


def test_a_model_on_this_machine_answers_and_costs_nothing(open_app: Open, smollm2: LocalModel) -> None:
    assert smollm2
    with open_app(llm_model="smollm2", llm_context_tokens=512, threads=1) as app:
        assert app.chat.complete(ASKED, most_tokens=2).completion_tokens == 2
        assert "record" not in app.__dict__, "no money, no ledger"


def test_one_behind_an_address_is_paid_for_unless_it_is_ones_own(open_app: Open) -> None:
    reply = faulty.says(
        b'{"choices": [{"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],'
        b' "usage": {"prompt_tokens": 8, "completion_tokens": 2}}'
    )
    with faulty.Proxy("http://nowhere.invalid/v1") as server:
        told = {"llm_url": server.url, "llm_model": "m"}
        server.faults = [reply] * 2
        with open_app(**told) as app:
            with pytest.raises(PriceUnknown, match="cmo budget price m"):
                app.chat.complete(ASKED, most_tokens=2)
            assert server.seen == []
            app.treasury.own_prices.put(Price("m", request=1))
            assert app.chat.complete(ASKED, most_tokens=2).text == "Yes."
            assert spent(app) == 1_000_000
        with open_app(**told, daily_budget=1) as app, pytest.raises(OverBudget):
            app.chat.complete(ASKED, most_tokens=2)
        with open_app(**told, daily_budget=0, llm_local=True) as app:
            assert app.chat.complete(ASKED, most_tokens=2).text == "Yes."
        assert len(server.seen) == 2


def test_a_search_of_the_web_is_paid_for(open_app: Open) -> None:
    with faulty.Proxy("http://nowhere.invalid/v1") as server:
        server.faults = [faulty.says(b'{"choices": [{"message": {"content": "Yes."}}], "usage": {}}')]
        with open_app(perplexity_api_key=KEY, perplexity_url=server.url) as app:
            app.treasury.own_prices.put(Price("sonar", request=2))
            found = app.websearch.search("Is glucose sweet?", 3)
            assert (found.said, found.pages) == ("Yes.", ())
            assert spent(app) == 2_000_000
            assert server.seen[0][2]["authorization"] == f"Bearer {KEY}"
        poor = open_app(perplexity_api_key=KEY, perplexity_url=server.url, daily_budget=1)
        with poor as app, pytest.raises(OverBudget):
            app.websearch.search("Is glucose sweet?", 3)
        assert len(server.seen) == 1


def spent(app: App) -> int:
    return app.budget.accounts()[0].balance.spent
