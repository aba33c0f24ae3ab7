"""Releases, shadows and experiments, and who is told of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings


class DeliveryGroup(BaseSettings):
    """Releases, shadows and experiments, and who is told of them."""

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
