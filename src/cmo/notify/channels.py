"""The channels that are set: none, a webhook, e-mail, or both."""

from __future__ import annotations

from cmo.kit.clock import Clock
from cmo.notify.mail import Mail, Server
from cmo.notify.post import Channel
from cmo.notify.webhook import Webhook


def channels(webhook: str, mail: tuple[Server, str, str] | None, clock: Clock) -> list[Channel]:
    """Ways to reach people.

    Args:
        webhook: its address; empty for none.
        mail: where it is handed in, whom it comes from, and addresses that get it, separated by commas; None for none.
        clock: for the date of a letter.

    Raises:
        SettingsError: an address is none, or a password would go over an open line.
    """
    found: list[Channel] = []
    if webhook:
        found.append(Webhook(webhook))
    if mail is not None:
        server, sender, to = mail
        addresses = tuple(address.strip() for address in to.split(",") if address.strip())
        found.append(Mail(server, sender, addresses, clock))
    return found
