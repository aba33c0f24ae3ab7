"""What the documents' snippets call without importing it; the web is a server of Perplexity's protocol on loopback."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.errors import SettingsError
from cmo.spend import Price
from cmo.testing import NEVER
from lightrag_integration import detect_language, generate_user_id, perplexity_fallback_query, perplexity_query
from lightrag_integration.host import WebAnswers, _shared
from tests.integration.test_websearch import KEY, Web

NEWS = "Is the enzyme therapy for phenylketonuria approved?"
PAGE = (
    b"<title>Pegvaliase approval</title><p>The enzyme therapy pegvaliase for phenylketonuria is approved by the agency "
    b"for adults.</p>"
)


async def test_the_web_answers_with_the_words_of_its_pages(
    open_base: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Web() as web,
        open_base(perplexity_api_key=SecretStr(KEY), perplexity_url=web.url, web_private=True) as base,
    ):
        web.page("pegvaliase", PAGE)
        base.app.treasury.own_prices.put(Price("sonar", input=Decimal(1), output=Decimal(1), request=Decimal("0.005")))
        base.add(msud="Maple syrup urine disease\n\nLeucine is raised in maple syrup urine disease.\n")
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        answers = WebAnswers(base.app.settings)
        answers._app = base.app
        monkeypatch.setattr("lightrag_integration.host._shared", lambda: answers)
        for query in (perplexity_query, perplexity_fallback_query):
            response = await query(NEWS)
            assert response.startswith("The enzyme therapy pegvaliase for phenylketonuria is approved by the agency")
            assert response.citations[0]["title"] == "Pegvaliase approval"


async def test_without_a_key_the_web_says_what_to_set(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))
    _shared.cache_clear()
    with pytest.raises(SettingsError, match="PERPLEXITY_API_KEY"):
        await perplexity_query(NEWS)
    _shared.cache_clear()


def test_a_language_is_told_and_an_acronym_is_none() -> None:
    assert detect_language("Welche Metaboliten sind bei der Krankheit im Blut der Kinder erhöht?") == "de"
    assert detect_language("Which metabolites are raised in PKU?") == detect_language("TMAO FMO3 LC-MS") == "en"


def test_every_user_gets_an_id_of_their_own() -> None:
    assert len({generate_user_id() for _ in range(1_000)}) == 1_000
