"""Where answers are kept, how many and how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


class CacheGroup(BaseSettings):
    """Where answers are kept, how many and how long."""

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
    base_of: Annotated[str, Field(validation_alias=AliasChoices("CMO_BASE_OF"), max_length=40)] = ""
    """Of the service's other tenants, the one whose base commands open: ``CMO_BASE_OF=lab-two cmo ingest papers``."""
