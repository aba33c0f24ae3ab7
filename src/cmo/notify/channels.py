"""The channels that are wished for: none, a webhook, e-mail, or both."""

from __future__ import annotations

from typing import Protocol

from cmo.kit.clock import Clock
from cmo.notify.mail import Mail, Security, Server
from cmo.notify.post import Channel
from cmo.notify.webhook import Webhook


class Secret(Protocol):
    """A value that is shown to nobody by accident."""

    def get_secret_value(self) -> str:
        """The value."""
        ...


class Wishes(Protocol):
    """Who is to be told, and how: what the settings say of it."""

    @property
    def slack_webhook_url(self) -> Secret: ...  # noqa: D102 - the setting's own words
    @property
    def webhook_private(self) -> bool: ...  # noqa: D102
    @property
    def email_alerts(self) -> bool: ...  # noqa: D102
    @property
    def alert_email(self) -> str: ...  # noqa: D102
    @property
    def smtp_host(self) -> str: ...  # noqa: D102
    @property
    def smtp_port(self) -> int: ...  # noqa: D102
    @property
    def smtp_security(self) -> str: ...  # noqa: D102
    @property
    def smtp_user(self) -> str: ...  # noqa: D102
    @property
    def smtp_password(self) -> Secret: ...  # noqa: D102
    @property
    def smtp_sender(self) -> str: ...  # noqa: D102


def channels(wishes: Wishes, clock: Clock) -> list[Channel]:
    """Ways to reach people.

    Raises:
        SettingsError: an address is none, or a password would go over an open line.
    """
    found: list[Channel] = []
    if webhook := wishes.slack_webhook_url.get_secret_value():
        found.append(Webhook(webhook, private=wishes.webhook_private))
    if wishes.email_alerts:
        to = tuple(address.strip() for address in wishes.alert_email.split(",") if address.strip())
        security, password = Security(wishes.smtp_security), wishes.smtp_password.get_secret_value()
        server = Server(wishes.smtp_host, wishes.smtp_port, security, wishes.smtp_user, password)
        found.append(Mail(server, wishes.smtp_sender, to, clock))
    return found
