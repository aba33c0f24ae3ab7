"""Settings: environment variables and a `.env` file, read once, here alone.

The documented names (``LIGHTRAG_WORKING_DIR``, ``CHUNK_SIZE`` ...) are native; ours begin with ``CMO_``. Each file beside
this one holds the settings of one concern; `Settings` is all of them.
"""

from __future__ import annotations

from typing import Self

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cmo.errors import SettingsError
from cmo.settings.answers import AnswerGroup
from cmo.settings.base import BaseGroup
from cmo.settings.caches import CacheGroup
from cmo.settings.delivery import DeliveryGroup
from cmo.settings.notices import NoticeGroup
from cmo.settings.oidc import OidcGroup
from cmo.settings.ops import OpsGroup
from cmo.settings.outside import OutsideGroup
from cmo.settings.profiles import ProfileSource
from cmo.settings.service import ServiceGroup


class Settings(
    OpsGroup, ServiceGroup, OidcGroup, NoticeGroup, DeliveryGroup, CacheGroup, OutsideGroup, AnswerGroup, BaseGroup
):
    """All settings with their defaults. Frozen: change by making a new one."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Who is heard, the first one first: the caller, the environment, `.env`, the profile."""
        del file_secret_settings
        also = getattr(dotenv_settings, "env_vars", {})
        return init_settings, env_settings, dotenv_settings, ProfileSource(settings_cls, also)

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
        raise SettingsError(
            f"Settings cannot be used: {refusals(error)}. `cmo config check` says where each is set."
        ) from error
    except UnicodeDecodeError as error:
        raise no_text(error) from error


def no_text(error: UnicodeDecodeError) -> SettingsError:
    """What is said of a file of settings that is no text, as some editors and shells write it."""
    return SettingsError(f"The file .env of this folder is no UTF-8: {error}. Save it as UTF-8.")


def refusals(error: ValidationError) -> str:
    """What an error says is wrong, each with its setting."""
    said = (
        (".".join(map(str, e["loc"])) or "settings", e["msg"].removeprefix("Value error, ")) for e in error.errors()
    )
    return "; ".join(f"{where}: {what}" for where, what in said)


def sealing_keys(settings: Settings) -> str:
    """The keys that seal what people asked, as they are set, or from the file that is named; empty where nothing is sealed.

    Raises:
        SettingsError: the file cannot be read.
    """
    if (key := settings.encryption_key.get_secret_value()) or settings.encryption_key_file is None:
        return key
    path = settings.encryption_key_file.expanduser()
    try:
        return path.read_text("ascii").strip().replace("\n", ",")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"CMO_ENCRYPTION_KEY_FILE cannot be read: {error}.") from error
