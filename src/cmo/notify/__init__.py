"""Telling people: a Slack-compatible webhook, e-mail by SMTP, and the post office that sends through them."""

from __future__ import annotations

from cmo.notify.channels import channels
from cmo.notify.mail import Mail, Security, Server
from cmo.notify.post import Channel, Posted, PostOffice
from cmo.notify.webhook import Webhook

__all__ = ["Channel", "Mail", "PostOffice", "Posted", "Security", "Server", "Webhook", "channels"]
