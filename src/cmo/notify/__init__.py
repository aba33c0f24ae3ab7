"""Telling: people, by a Slack-compatible webhook and e-mail; other programs, by signed webhooks of their own."""

from __future__ import annotations

from cmo.notify.channels import channels
from cmo.notify.courier import Courier, address
from cmo.notify.mail import Mail, Security, Server
from cmo.notify.post import Channel, Posted, PostOffice
from cmo.notify.signed import fresh_secret
from cmo.notify.webhook import Webhook

__all__ = [
    "Channel",
    "Courier",
    "Mail",
    "PostOffice",
    "Posted",
    "Security",
    "Server",
    "Webhook",
    "address",
    "channels",
    "fresh_secret",
]
