"""What the service tells about itself: metrics, logs and traces."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field
from pydantic_settings import BaseSettings

Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


class OpsGroup(BaseSettings):
    """What the service tells about itself: metrics, logs and traces."""

    metrics: Annotated[bool, Field(validation_alias=AliasChoices("METRICS_COLLECTION_ENABLED"))] = True
    """Whether requests are counted, and told at `/metrics` and `/api/metrics`."""
    stages: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_PERFORMANCE_MONITORING"))] = True
    """Whether the stages of each request are timed: what the metrics of stages, the slowest requests and traces are made from."""
    log_format: Annotated[Literal["text", "json"], Field(validation_alias=AliasChoices("CMO_LOG_FORMAT"))] = "text"
    """How the service writes its log: lines for people, or one JSON object a line."""
    log_level: Annotated[Level, Field(validation_alias=AliasChoices("CMO_LOG_LEVEL"))] = "INFO"
    """From which level on the service writes its log."""
    performance_log_level: Annotated[Level, Field(validation_alias=AliasChoices("PERFORMANCE_LOG_LEVEL"))] = "WARNING"
    """From which level on requests are logged, each with its status and time: `INFO` all, `WARNING` those that are slow
    or refused, `ERROR` those that failed."""
    slow_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_SLOW_SECONDS"), gt=0)] = 2.0
    """From how many seconds on a request is slow."""
    log_questions: Annotated[bool, Field(validation_alias=AliasChoices("CMO_LOG_QUESTIONS"))] = False
    """Whether the log holds what was asked. Questions may name patients."""
    drain_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_DRAIN_SECONDS"), ge=0, le=600)] = 5.0
    """Seconds for which the service goes on after SIGTERM, while `/ready` says that it ends: a little more than a balancer
    takes to notice. 0 where nothing stands before it. Ctrl-C and a second SIGTERM do not wait."""
    otlp_url: Annotated[
        str, Field(validation_alias=AliasChoices("CMO_OTLP_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"), max_length=500)
    ] = ""
    """Base address of a collector of traces (OTLP over HTTP), such as ``http://127.0.0.1:4318``; needs the extra `otel`."""
    trace_share: Annotated[float, Field(validation_alias=AliasChoices("CMO_TRACE_SHARE"), ge=0, le=1)] = 1.0
    """Share of the requests whose trace is sent there; who calls us with a trace of their own decides for themselves."""
