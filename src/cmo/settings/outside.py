"""Language models, the web, and what they may cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


class OutsideGroup(BaseSettings):
    """Language models, the web, and what they may cost."""

    llm_url: Annotated[str, Field(validation_alias=AliasChoices("CMO_LLM_URL"))] = ""
    """Base address of an OpenAI-compatible chat endpoint, such as ``http://127.0.0.1:11434/v1`` for Ollama."""
    llm_model: Annotated[str, Field(validation_alias=AliasChoices("CMO_LLM_MODEL"))] = ""
    """Name of the language model at `CMO_LLM_URL`; without an address `smollm2`, `qwen-1.5b` or a GGUF file, run on this machine."""
    llm_local: Annotated[bool, Field(validation_alias=AliasChoices("CMO_LLM_LOCAL"))] = False
    """Whether the model at `CMO_LLM_URL` is one's own, so that its calls cost nothing and are not written down."""
    llm_temperature: Annotated[float, Field(validation_alias=AliasChoices("LLM_TEMPERATURE"), ge=0, le=2)] = 0.0
    """How freely it speaks; with 0 it says the same again."""
    llm_connections: Annotated[int, Field(validation_alias=AliasChoices("CMO_LLM_CONNECTIONS"), ge=1, le=1000)] = 50
    """Completions that may be under way at once."""
    llm_context_tokens: Annotated[
        int, Field(validation_alias=AliasChoices("CMO_LLM_CONTEXT"), ge=256, le=1_048_576)
    ] = 32_768
    """Tokens that a model run on this machine remembers; one that was made for less has less."""
    llm_kv_cache: Annotated[
        Literal["f16", "int8", "int4"], Field(validation_alias=AliasChoices("CMO_LLM_KV_CACHE"))
    ] = "int8"
    """How it keeps them: `int8` takes half the memory of `f16`, `int4` a quarter."""
    ollama_model: Annotated[str, Field(validation_alias=AliasChoices("OLLAMA_MODEL"))] = ""
    """A model of the Ollama on this machine, such as `llama3`; used where `CMO_LLM_URL` and `CMO_LLM_MODEL` are not set."""
    llm_api_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_LLM_API_KEY", "OPENAI_API_KEY"))] = (
        SecretStr("")
    )
    """Key for `CMO_LLM_URL`, if it asks for one."""
    llm_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_LLM_SECONDS"), gt=0)] = 120.0
    """Longest time that one completion may take."""
    llm_max_passages: Annotated[int, Field(validation_alias=AliasChoices("CMO_LLM_MAX_PASSAGES"), ge=1)] = 40
    """Passages of one paper that a language model reads at most, each at the cost of one completion."""
    perplexity_api_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("PERPLEXITY_API_KEY"))] = SecretStr("")
    """Key for Perplexity, which searches the web; without one the web is not searched."""
    perplexity_url: Annotated[str, Field(validation_alias=AliasChoices("CMO_PERPLEXITY_URL"), min_length=1)] = (
        "https://api.perplexity.ai"
    )
    """Where Perplexity is."""
    perplexity_model: Annotated[str, Field(validation_alias=AliasChoices("CMO_PERPLEXITY_MODEL"), min_length=1)] = (
        "sonar"
    )
    """Which of its models searches."""
    web_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_WEB_SECONDS"), gt=0)] = 30.0
    """Longest time that one search may take."""
    web_page_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_WEB_PAGE_SECONDS"), ge=0)] = 4.0
    """Longest time in which the pages that it finds are read, side by side; with 0 they are taken as Perplexity tells them."""
    web_private: Annotated[bool, Field(validation_alias=AliasChoices("CMO_WEB_PRIVATE"))] = False
    """Whether pages of one's own network may be read and shown as well."""
    daily_budget: Annotated[
        Decimal,
        Field(
            validation_alias=AliasChoices("LIGHTRAG_MAX_DAILY_BUDGET", "LIGHTRAG_MAX_BUDGET", "LIGHTRAG_DAILY_BUDGET"),
            ge=0,
            le=1_000_000_000,
        ),
    ] = Decimal(100)
    """Dollars that may be spent in a day (UTC), where `cmo budget set` says nothing else; 0 spends nothing."""
    monthly_budget: Annotated[
        Decimal, Field(validation_alias=AliasChoices("LIGHTRAG_MONTHLY_BUDGET"), ge=0, le=1_000_000_000)
    ] = Decimal(2500)
    """Dollars that may be spent in a month (UTC), where `cmo budget set` says nothing else."""
    cost_alert_threshold: Annotated[
        float, Field(validation_alias=AliasChoices("LIGHTRAG_COST_ALERT_THRESHOLD"), gt=0, le=1)
    ] = 0.8
    """Share of a budget from which somebody is told that it is nearly spent."""
