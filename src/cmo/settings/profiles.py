"""Profiles: what development, staging and production set by themselves.

::

    options of a command > environment > .env > profile > default

A profile is chosen by ``CMO_PROFILE``, else by ``ENVIRONMENT`` where that names one of them. It sets nothing that the
environment sets, so that a machine can always have its own way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class Profile(StrEnum):
    """For what the service runs."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


PROFILES: Final[Mapping[Profile, Mapping[str, Any]]] = MappingProxyType(
    {
        Profile.DEVELOPMENT: {"daily_budget": Decimal(50), "quality_threshold": 0.7},
        Profile.STAGING: {"daily_budget": Decimal(100), "quality_threshold": 0.8, "quality_validation": True},
        Profile.PRODUCTION: {"daily_budget": Decimal(500), "quality_threshold": 0.85, "quality_validation": True},
    }
)
"""By field. The budgets and thresholds are those of the integration document; development judges no answer."""
KEYS: Final[Mapping[Profile, str]] = MappingProxyType(
    {Profile.DEVELOPMENT: "DEV_OPENAI_API_KEY", Profile.STAGING: "STAGING_OPENAI_API_KEY"}
)
"""Keys of their own, so that a rehearsal is not paid for by the account of production."""
_KEYED: Final = ("llm_api_key", "embed_api_key")


def first_name(field: str, info: FieldInfo) -> str:
    """The name by which the sources of settings call a field."""
    alias = info.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field


def profile_of(state: Mapping[str, Any], environment: Mapping[str, str]) -> Profile | None:
    """The profile that was chosen; None for none, and for one that the settings themselves refuse."""
    named = str(state.get("CMO_PROFILE") or environment.get("environment") or "").strip().casefold()
    return Profile(named) if named in Profile.__members__.values() else None


def set_by(profile: Profile | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """What a profile sets, by field.

    Args:
        profile: which.
        environment: variables, their names in small letters.
    """
    if profile is None:
        return {}
    key = environment.get(KEYS.get(profile, "").casefold(), "")
    return {"profile": profile.value, **PROFILES[profile], **(dict.fromkeys(_KEYED, key) if key else {})}


class ProfileSource(PydanticBaseSettingsSource):
    """Settings of the profile that the sources before it chose."""

    def __init__(self, settings_cls: type[BaseSettings], also: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._also = also

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not asked: `__call__` tells them all."""
        return None, first_name(field_name, field), False

    def __call__(self) -> dict[str, Any]:
        """By the first name of each."""
        environment = {**self._also, **process_environment()}
        fields = self.settings_cls.model_fields
        told = set_by(profile_of(self.current_state, environment), environment)
        return {first_name(field, fields[field]): value for field, value in told.items()}


def process_environment() -> dict[str, str]:
    """Variables of this process, their names in small letters as the sources see them."""
    return {name.casefold(): value for name, value in os.environ.items()}  # noqa: TID251 - settings are read here
