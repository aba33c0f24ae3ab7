"""The documented settings of an environment, and what validates them: thin over `cmo.settings` and the doctor's checks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Final, Self

from cmo.cast.examining import Examining
from cmo.cast.holdings import Holdings
from cmo.cast.outside import place_of
from cmo.errors import SettingsError as ConfigurationError
from cmo.ops.doctor import Finding, State, examine
from cmo.settings import Settings, read_settings
from cmo.settings.profiles import KEYS, Profile

__all__ = [
    "ConfigManager",
    "ConfigValidator",
    "ConfigurationError",
    "DevelopmentConfig",
    "EnvironmentConfig",
    "ProductionConfig",
    "StagingConfig",
    "avalidate_configuration",
    "validate_configuration",
]
_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class EnvironmentConfig:
    """What one environment sets; `to_settings` makes the settings of it, on top of what the environment says.

    `circuit_breaker_enabled`, `monitoring_enabled` and `alert_enabled` are there to be read, as the documents read
    them: our breakers and metrics are always on, and people are told where `SLACK_WEBHOOK_URL` or e-mail is set.
    """

    profile: ClassVar[Profile | None] = None

    openai_api_key: str | None = None
    working_dir: str | Path | None = None
    papers_dir: str | Path | None = None
    max_daily_budget: float = 100.0
    quality_threshold: float = 0.8
    circuit_breaker_enabled: bool = True
    monitoring_enabled: bool = True
    alert_enabled: bool = False

    @classmethod
    def of_environment(cls) -> Self:
        """Key and folders as the variables of the environment name them."""
        key = KEYS.get(cls.profile, "OPENAI_API_KEY") if cls.profile else "OPENAI_API_KEY"
        return cls(
            openai_api_key=os.environ.get(key) or os.environ.get("OPENAI_API_KEY"),  # noqa: TID251 - what the documents do
            working_dir=read_settings().working_dir,
            papers_dir=read_settings().papers_dir,
        )

    def to_settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigurationError: a value cannot be used.
        """
        return read_settings(
            llm_api_key=self.openai_api_key,
            working_dir=self.working_dir,
            papers_dir=self.papers_dir,
            daily_budget=Decimal(str(self.max_daily_budget)),
            quality_threshold=self.quality_threshold,
            profile=self.profile.value if self.profile else None,
        )

    def __repr__(self) -> str:
        shown = {f.name: getattr(self, f.name) for f in fields(self)}
        shown["openai_api_key"] = "********" if self.openai_api_key else None
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


@dataclass(frozen=True, kw_only=True, repr=False)
class ProductionConfig(EnvironmentConfig):
    """Production."""

    profile: ClassVar[Profile | None] = Profile.PRODUCTION
    max_daily_budget: float = 500.0
    quality_threshold: float = 0.85
    alert_enabled: bool = True


@dataclass(frozen=True, kw_only=True, repr=False)
class StagingConfig(EnvironmentConfig):
    """Staging: as production, for less."""

    profile: ClassVar[Profile | None] = Profile.STAGING


@dataclass(frozen=True, kw_only=True, repr=False)
class DevelopmentConfig(EnvironmentConfig):
    """Development."""

    profile: ClassVar[Profile | None] = Profile.DEVELOPMENT
    max_daily_budget: float = 50.0
    quality_threshold: float = 0.7
    circuit_breaker_enabled: bool = False
    monitoring_enabled: bool = False


class ConfigManager:
    """Picks the configuration of an environment."""

    @staticmethod
    def get_config(environment: str | None = None) -> EnvironmentConfig:
        """That of `production`, `staging` or `development`; by default of the profile that is set, else development.

        Raises:
            ConfigurationError: there is no environment of this name.
        """
        kinds = {k.profile: k for k in (ProductionConfig, StagingConfig, DevelopmentConfig)}
        named = (environment or read_settings().profile or Profile.DEVELOPMENT).casefold()
        if named not in Profile.__members__.values():
            raise ConfigurationError(f"There is no environment {environment!r}. There are: {', '.join(Profile)}.")
        return kinds[Profile(named)].of_environment()


@dataclass(frozen=True, slots=True)
class Validation:
    """What a look at the configuration found."""

    is_valid: bool
    errors: tuple[str, ...] = ()
    missing_vars: tuple[str, ...] = ()

    @property
    def error(self) -> str:
        """All of them as one text."""
        return "; ".join(self.errors)


class ConfigValidator:
    """Looks whether what is configured can be used. Changes nothing.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self._config = config

    def validate_environment(self, required_vars: Iterable[str]) -> Validation:
        """Whether variables are set, and not empty."""
        missing = tuple(name for name in required_vars if not os.environ.get(name))  # noqa: TID251 - that is the question
        return Validation(not missing, tuple(f"{name} is not set" for name in missing), missing)

    async def validate_openai_connectivity(self) -> Validation:
        """Whether the language model's endpoint answers and takes the key; costs nothing."""
        return await asyncio.to_thread(_connectivity, self._config or read_settings())

    def validate_directory_permissions(self) -> Validation:
        """Whether the folder of the base can be written, and that of the papers be read."""
        settings = self._config or read_settings()
        found = looked_at(settings, ["permissions", "secrets"])
        if settings.papers_dir is not None and not os.access(settings.papers_dir, os.R_OK | os.X_OK):
            found.append(Finding("papers", State.BROKEN, f"{settings.papers_dir} cannot be read"))
        return _valid(found)


def validate_configuration() -> bool:
    """Check settings, folders and, where one is set, the language model; for ``python -c`` and scripts.

    Raises:
        ConfigurationError: naming everything that is wrong.
    """
    validator = ConfigValidator(settings := read_settings())
    found = [validator.validate_directory_permissions(), _valid(looked_at(settings, ["configuration"]), strict=True)]
    if place_of(settings) is not None:
        found.append(_connectivity(settings))
    if wrong := [error for one in found for error in one.errors]:
        raise ConfigurationError(f"The configuration cannot be used: {'; '.join(wrong)}.")
    return True


async def avalidate_configuration() -> bool:
    """The same, for whoever runs an event loop.

    Raises:
        ConfigurationError: naming everything that is wrong.
    """
    return await asyncio.to_thread(validate_configuration)


def looked_at(settings: Settings, names: Sequence[str]) -> list[Finding]:
    """Some of the doctor's findings."""
    holdings = Holdings(settings)
    checks = [check for check in Examining(holdings).checks() if check.name in names]
    return list(examine(checks, holdings.clock, seconds=_SECONDS).findings)


def _connectivity(settings: Settings) -> Validation:
    if place_of(settings) is None:
        return Validation(is_valid=False, errors=("No language model is set. Set CMO_LLM_MODEL and OPENAI_API_KEY.",))
    return _valid(looked_at(settings, ["language model"]))


def _valid(found: Sequence[Finding], *, strict: bool = False) -> Validation:
    wrong = [f for f in found if f.state is State.BROKEN or (strict and f.state is not State.OK)]
    return Validation(not wrong, tuple(f"{f.said}. {f.fix}".strip() for f in wrong))
