"""Who is told when something happens, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


class NoticeGroup(BaseSettings):
    """Who is told when something happens, and how."""

    slack_webhook_url: Annotated[SecretStr, Field(validation_alias=AliasChoices("SLACK_WEBHOOK_URL"))] = SecretStr("")
    """A Slack-compatible webhook that is told when an alert fires, a release is taken back, a shadow fails or an
    experiment decides."""
    webhook_private: Annotated[bool, Field(validation_alias=AliasChoices("CMO_WEBHOOK_PRIVATE"))] = False
    """Whether that webhook, and those of `cmo webhooks`, may be in a private network, or on this machine."""
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
    alerts: Annotated[bool, Field(validation_alias=AliasChoices("CMO_ALERTS"))] = True
    """Whether the service watches itself and tells people of alerts; off where Prometheus does."""
    smtp_sender: Annotated[str, Field(validation_alias=AliasChoices("CMO_SMTP_SENDER"))] = "cmo@localhost"
    """The address that e-mail comes from."""
