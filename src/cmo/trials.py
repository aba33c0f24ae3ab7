"""The part of the cast list for what is tried out and told: notices by webhook and e-mail."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cmo.kit.clock import Clock
from cmo.settings import Settings

if TYPE_CHECKING:  # a question needs none of it
    from cmo.notify import Channel, PostOffice


class Trials:
    """Cheap to make; opens nothing before it is used.

    Args:
        settings: where notices go.
        clock: both clocks.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @cached_property
    def notifier(self) -> PostOffice:
        """Tells people.

        Raises:
            SettingsError: an address is none.
        """
        from cmo.notify import PostOffice  # noqa: PLC0415 - see above

        return PostOffice(self._channels(), self._clock)

    def close(self) -> None:
        """Give everything back."""
        if "notifier" in self.__dict__:
            self.notifier.close()

    def _channels(self) -> list[Channel]:
        from cmo.notify import Mail, Security, Server, Webhook  # noqa: PLC0415

        settings = self._settings
        channels: list[Channel] = []
        if url := settings.slack_webhook_url.get_secret_value():
            channels.append(Webhook(url))
        if settings.email_alerts:
            to = tuple(address.strip() for address in settings.alert_email.split(",") if address.strip())
            server = Server(
                settings.smtp_host,
                settings.smtp_port,
                Security(settings.smtp_security),
                settings.smtp_user,
                settings.smtp_password.get_secret_value(),
            )
            channels.append(Mail(server, settings.smtp_sender, to, self._clock))
        return channels
