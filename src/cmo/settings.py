"""Settings: environment variables and a `.env` file, read once, here alone.

The documented names (``LIGHTRAG_WORKING_DIR``, ``CHUNK_SIZE`` ...) are native; ours begin with ``CMO_``.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cmo.errors import SettingsError


class Settings(BaseSettings):
    """All settings with their defaults. Frozen: change by making a new one."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    working_dir: Annotated[Path, Field(validation_alias=AliasChoices("CMO_HOME", "LIGHTRAG_WORKING_DIR"))] = Path(
        ".cmo"
    )
    """Where the knowledge base lives."""
    database_url: Annotated[str, Field(validation_alias=AliasChoices("CMO_DATABASE_URL", "DATABASE_URL"))] = ""
    """Where the record is kept instead of the working directory, such as ``postgresql+psycopg://user@host/cmo``."""
    papers_dir: Annotated[Path | None, Field(validation_alias=AliasChoices("LIGHTRAG_PAPERS_DIR"))] = None
    """The folder that `cmo ingest` reads when none is named."""
    chunk_size: Annotated[int, Field(validation_alias=AliasChoices("CHUNK_SIZE"), ge=32, le=8192)] = 512
    """Longest passage in tokens of the encoder."""
    chunk_overlap: Annotated[int, Field(validation_alias=AliasChoices("CHUNK_OVERLAP"), ge=0, le=4096)] = 50
    """Tokens repeated from the end of one passage at the start of the next."""
    embed_model: Annotated[str, Field(validation_alias=AliasChoices("EMBED_MODEL"), min_length=1)] = "minilm"
    """`minilm`, a path to an ONNX export, a hub name, or the name of a model at `CMO_EMBED_URL`."""
    embed_url: Annotated[str, Field(validation_alias=AliasChoices("CMO_EMBED_URL"))] = ""
    """Base address of an OpenAI-compatible embedding endpoint, such as ``http://127.0.0.1:11434/v1``."""
    embed_api_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_EMBED_API_KEY", "OPENAI_API_KEY"))] = (
        SecretStr("")
    )
    """Key for `CMO_EMBED_URL`, if it asks for one."""
    models_dir: Annotated[Path, Field(validation_alias=AliasChoices("CMO_MODELS_DIR"))] = Path("~/.cache/cmo/models")
    """Where models are installed; shared by all knowledge bases of a user."""
    use_gpu: Annotated[bool, Field(validation_alias=AliasChoices("CMO_USE_GPU"))] = True
    """Use CUDA where it is present."""
    threads: Annotated[int, Field(validation_alias=AliasChoices("CMO_THREADS"), ge=0, le=256)] = 0
    """Threads of the encoder; 0 means one for each core."""
    parse_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_PARSE_SECONDS"), gt=0)] = 60.0
    """Longest time that reading one file may take."""
    parse_megabytes: Annotated[int, Field(validation_alias=AliasChoices("CMO_PARSE_MEGABYTES"), ge=256)] = 2048
    """Most memory that reading one file may take."""
    max_file_megabytes: Annotated[int, Field(validation_alias=AliasChoices("CMO_MAX_FILE_MEGABYTES"), ge=1)] = 200
    """Largest file that is read, and largest that can be uploaded."""
    keep_snapshots: Annotated[int, Field(validation_alias=AliasChoices("CMO_KEEP_SNAPSHOTS"), ge=1)] = 5
    """How many snapshots stay for rollback."""
    multi_hop: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_MULTI_HOP"))] = True
    """Whether a search follows the relations of the question's concepts. Can be changed while the service runs."""
    max_hops: Annotated[int, Field(validation_alias=AliasChoices("MAX_HOPS"), ge=0, le=2)] = 1
    """How many relations it follows at most. Can be changed while the service runs."""
    reasoning: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_REASONING"))] = True
    """Whether an answer tells how the question's concepts hang together. Can be changed while the service runs."""
    engine: Annotated[Literal["cmo", "lightrag"], Field(validation_alias=AliasChoices("CMO_ENGINE"))] = "cmo"
    """Who answers: `cmo`, in the papers' own words, or `lightrag`, which needs a language model."""
    lightrag_python: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_LIGHTRAG_PYTHON"))] = None
    """A Python that has LightRAG installed, where it is not installed beside us."""
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
    llm_api_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_LLM_API_KEY", "OPENAI_API_KEY"))] = (
        SecretStr("")
    )
    """Key for `CMO_LLM_URL`, if it asks for one."""
    llm_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_LLM_SECONDS"), gt=0)] = 120.0
    """Longest time that one completion may take."""
    llm_max_passages: Annotated[int, Field(validation_alias=AliasChoices("CMO_LLM_MAX_PASSAGES"), ge=1)] = 40
    """Passages of one paper that a language model reads at most, each at the cost of one completion."""
    routing: Annotated[bool, Field(validation_alias=AliasChoices("CMO_ROUTING"))] = False
    """Whether questions are routed: told what they need, refused where they ask for personal medical advice."""
    route_model: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_ROUTE_MODEL"))] = None
    """A folder made by `cmo route train` and `cmo route calibrate`, instead of the model that comes with the package."""
    llm_classification: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_LLM_CLASSIFICATION"))] = False
    """Whether the language model at `CMO_LLM_URL` is asked about questions whose route is in doubt."""
    llm_classification_seconds: Annotated[
        float, Field(validation_alias=AliasChoices("CMO_LLM_CLASSIFICATION_SECONDS"), gt=0, le=60)
    ] = 3.0
    """Longest time that it may take for one route; then the decision stands without it."""
    audit_days: Annotated[float, Field(validation_alias=AliasChoices("CMO_AUDIT_DAYS"), ge=0, le=36_500)] = 30.0
    """For how many days the service keeps the questions it was asked and what it answered; with 0 it keeps none."""
    nli_model: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_NLI_MODEL"))] = None
    """A folder with a model of language inference (ONNX) that is asked about doubtful sentences of answers."""
    answers: Annotated[Literal["extractive", "generated"], Field(validation_alias=AliasChoices("CMO_ANSWERS"))] = (
        "extractive"
    )
    """`extractive`: in the papers' own words; `generated`: in a language model's, each sentence checked against a quote."""
    foreign_words: Annotated[int, Field(validation_alias=AliasChoices("CMO_FOREIGN_WORDS"), ge=0, le=5)] = 0
    """Words of a generated sentence that its quote may lack; more of them tell more, true and untrue alike."""
    mark_unsupported: Annotated[bool, Field(validation_alias=AliasChoices("CMO_MARK_UNSUPPORTED"))] = False
    """Whether what a language model said and no quote bears out is told apart from the answer, instead of left out."""
    translate: Annotated[bool, Field(validation_alias=AliasChoices("CMO_TRANSLATE"))] = True
    """Whether questions in other languages, and their answers, are translated; only where a language model is set."""
    quality_validation: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_QUALITY_VALIDATION"))] = False
    """Whether each answer is judged before it is shown; always so where the web or a language model takes part."""
    quality_threshold: Annotated[
        float, Field(validation_alias=AliasChoices("LIGHTRAG_QUALITY_THRESHOLD"), ge=0, le=1)
    ] = 0.8
    """Composite quality from which an answer meets the standard."""
    relevance_threshold: Annotated[
        float, Field(validation_alias=AliasChoices("QUALITY_RELEVANCE_THRESHOLD"), ge=0, le=1)
    ] = 0.75
    """Relevance below which an assessment names it as an issue."""
    accuracy_threshold: Annotated[
        float, Field(validation_alias=AliasChoices("QUALITY_ACCURACY_THRESHOLD"), ge=0, le=1)
    ] = 0.8
    """Accuracy below which an assessment names it as an issue."""
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
    cache: Annotated[bool, Field(validation_alias=AliasChoices("CMO_CACHE"))] = True
    """Whether the service keeps its answers; each only as long as the papers are what they were."""
    cache_entries: Annotated[int, Field(validation_alias=AliasChoices("CMO_CACHE_ENTRIES"), ge=0)] = 10_000
    """Answers that a process keeps in memory."""
    cache_megabytes: Annotated[int, Field(validation_alias=AliasChoices("CMO_CACHE_MEGABYTES"), ge=0)] = 128
    """Memory that they may take in each process."""
    cache_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_CACHE_SECONDS"), ge=0)] = 300.0
    """How long an answer stays in memory."""
    cache_disk_megabytes: Annotated[int, Field(validation_alias=AliasChoices("CMO_CACHE_DISK_MEGABYTES"), ge=0)] = 1000
    """Room on the disk for answers, shared by the processes of a knowledge base; 0 keeps none there."""
    cache_disk_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_CACHE_DISK_SECONDS"), ge=0)] = 3600.0
    """How long an answer stays on the disk."""
    redis_url: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_REDIS_URL", "REDIS_URL"))] = SecretStr("")
    """Redis or Valkey where machines share answers, such as ``redis://127.0.0.1:6379/0``; needs the extra `redis`."""
    redis_host: Annotated[str, Field(validation_alias=AliasChoices("REDIS_HOST"))] = ""
    """The same by its host alone, where `CMO_REDIS_URL` is not set."""
    redis_port: Annotated[int, Field(validation_alias=AliasChoices("REDIS_PORT"), ge=1, le=65535)] = 6379
    """Port at `REDIS_HOST`."""
    cache_shared_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_CACHE_SHARED_SECONDS"), ge=0)] = (
        86_400.0
    )
    """How long an answer stays there."""
    semantic_cache: Annotated[Literal["off", "answers"], Field(validation_alias=AliasChoices("CMO_SEMANTIC_CACHE"))] = (
        "off"
    )
    """`answers`: a kept answer also serves the same question in other words, where a guard is sure and an audit agrees."""
    tenant: Annotated[str, Field(validation_alias=AliasChoices("CMO_TENANT"), max_length=200)] = ""
    """For whom this service answers; what is kept for one is never told to another."""
    slack_webhook_url: Annotated[SecretStr, Field(validation_alias=AliasChoices("SLACK_WEBHOOK_URL"))] = SecretStr("")
    """A Slack-compatible webhook that is told when a release is taken back, a shadow fails or an experiment decides."""
    email_alerts: Annotated[bool, Field(validation_alias=AliasChoices("EMAIL_ALERTS_ENABLED"))] = False
    """Whether the same is sent by e-mail."""
    alert_email: Annotated[str, Field(validation_alias=AliasChoices("ALERT_EMAIL"), max_length=1_000)] = ""
    """Addresses that get it, separated by commas."""
    smtp_host: Annotated[str, Field(validation_alias=AliasChoices("CMO_SMTP_HOST"))] = "127.0.0.1"
    """Where e-mail is handed in."""
    smtp_port: Annotated[int, Field(validation_alias=AliasChoices("CMO_SMTP_PORT"), ge=1, le=65535)] = 587
    """Port there."""
    smtp_security: Annotated[
        Literal["tls", "starttls", "none"], Field(validation_alias=AliasChoices("CMO_SMTP_SECURITY"))
    ] = "starttls"
    """`tls` from the first byte (port 465), `starttls`, or `none`, which sends no password but to this machine."""
    smtp_user: Annotated[str, Field(validation_alias=AliasChoices("CMO_SMTP_USER"))] = ""
    """Name there, if it asks for one."""
    smtp_password: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_SMTP_PASSWORD"))] = SecretStr("")
    """Its password."""
    smtp_sender: Annotated[str, Field(validation_alias=AliasChoices("CMO_SMTP_SENDER"))] = "cmo@localhost"
    """The address that e-mail comes from."""
    delivery: Annotated[bool, Field(validation_alias=AliasChoices("CMO_DELIVERY"))] = False
    """Whether the service answers by releases (`cmo rollout`), counts what comes of them and moves them itself."""
    lightrag_enabled: Annotated[bool, Field(validation_alias=AliasChoices("LIGHTRAG_ENABLED"))] = True
    """Whether releases may answer at all; false answers everybody by the settings. `cmo flags set` comes first."""
    rollout_percentage: Annotated[
        float,
        Field(
            validation_alias=AliasChoices("LIGHTRAG_ROLLOUT_PERCENTAGE", "ENRICHMENT_ROLLOUT_PERCENTAGE"), ge=0, le=100
        ),
    ] = 100.0
    """Most percent of the users that a release under way may get, whatever its rollout says."""
    openfeature_provider: Annotated[str, Field(validation_alias=AliasChoices("CMO_OPENFEATURE_PROVIDER"))] = ""
    """Another OpenFeature provider whose flag `release` names the release that answers, as ``package.module:factory``."""
    conversation_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_CONVERSATION_SECONDS"), ge=0)] = (
        1800.0
    )
    """Seconds of silence after which a conversation is over: until then it keeps its release while others get more."""
    shadow: Annotated[str, Field(validation_alias=AliasChoices("CMO_SHADOW"), max_length=500)] = ""
    """What answers unseen beside what is told: settings (`mode=mix,max_hops=2`), a release, or the address of another
    service; needs `CMO_DELIVERY`."""
    shadow_share: Annotated[float, Field(validation_alias=AliasChoices("CMO_SHADOW_SHARE"), ge=0, le=1)] = 0.1
    """Share of the questions that it answers."""
    shadow_per_minute: Annotated[float, Field(validation_alias=AliasChoices("CMO_SHADOW_PER_MINUTE"), gt=0)] = 60.0
    """How many a minute at most, in each process."""
    shadow_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_SHADOW_SECONDS"), gt=0, le=3600)] = 30.0
    """Longest time that it may take for one."""
    shadow_busy_percent: Annotated[
        float, Field(validation_alias=AliasChoices("CMO_SHADOW_BUSY_PERCENT"), gt=0, le=100)
    ] = 80.0
    """Of the processors: a machine busier than that answers nothing unseen."""
    shadow_questions: Annotated[bool, Field(validation_alias=AliasChoices("CMO_SHADOW_QUESTIONS"))] = True
    """Whether comparisons keep the question, so that people can read them; they stay on this machine."""
    experiment_share: Annotated[float, Field(validation_alias=AliasChoices("CMO_EXPERIMENT_SHARE"), ge=0, le=1)] = 0.25
    """Share of an experiment's questions whose answers are judged, each at the cost of two answers."""
    experiment_seconds: Annotated[
        float, Field(validation_alias=AliasChoices("CMO_EXPERIMENT_SECONDS"), ge=1, le=86_400)
    ] = 60.0
    """Seconds between looks at the running experiment, which end it where it does harm; longer where a look takes long."""
    admin_token: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_ADMIN_TOKEN"))] = SecretStr("")
    """What changes of releases over HTTP must carry as a bearer token; without one they are made by `cmo rollout` alone."""
    host: Annotated[str, Field(validation_alias=AliasChoices("CMO_HOST"))] = "127.0.0.1"
    """Address on which the service listens: this machine alone unless told otherwise."""
    allowed_hosts: Annotated[str, Field(validation_alias=AliasChoices("CMO_ALLOWED_HOSTS"))] = ""
    """Names by which browsers may call the service, separated by commas; IP addresses and localhost always may."""
    port: Annotated[int, Field(validation_alias=AliasChoices("CMO_PORT", "PORT"), ge=0, le=65535)] = 8000
    """Port on which the service listens; 0 takes a free one."""

    @model_validator(mode="after")
    def _people_can_be_told(self) -> Self:
        if not (self.email_alerts or self.slack_webhook_url.get_secret_value()):
            return self
        from cmo.kit.clock import SystemClock  # noqa: PLC0415 - most need none of it
        from cmo.notify import channels  # noqa: PLC0415

        try:
            for channel in channels(self, SystemClock()):
                channel.close()
        except SettingsError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return self

    @model_validator(mode="after")
    def _what_is_tried_is_delivered(self) -> Self:
        if self.shadow and not self.delivery:
            message = "CMO_SHADOW needs CMO_DELIVERY=true"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _overlap_is_smaller(self) -> Self:
        if self.chunk_overlap >= self.chunk_size:
            message = "CHUNK_OVERLAP must be smaller than CHUNK_SIZE"
            raise ValueError(message)
        return self


def read_settings(**overrides: object) -> Settings:
    """Settings from the environment, with overrides on top.

    Raises:
        SettingsError: naming each setting that is wrong.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"Settings cannot be used: {wrong}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The file .env of this folder is no UTF-8: {error}. Save it as UTF-8.") from error
