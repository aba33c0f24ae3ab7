"""A webhook as Slack has it, and Mattermost, Rocket.Chat and Discord's ``/slack`` address after it: POST of JSON.

The address holds the key, so it is never shown: not in errors, not in logs, not in `repr`. Addresses of this machine and of
private networks are refused, looked up as well as written, unless whoever runs the service allows them.
"""

from __future__ import annotations

import re

import httpx

from cmo.errors import SettingsError
from cmo.kit.address import CheckedTransport, allowed
from cmo.kit.http import ERRORS, judge
from cmo.kit.retry import Again
from cmo.kit.text import clean_line, shorten
from cmo.model.notices import Notice, Severity

_SIGNS = {Severity.INFO: ":information_source:", Severity.WARNING: ":warning:", Severity.CRITICAL: ":rotating_light:"}
_LONGEST = 2_900
"""Characters of a block's text; Slack takes 3,000."""
_MOST_FIELDS = 10
"""Of a block; Slack takes no more."""
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+", re.ASCII)


class Address(httpx.URL):
    """An address that shows its host alone: the client logs what it calls."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}/"

    def __repr__(self) -> str:
        return f"<{self}>"


class Webhook:
    """Posts notices to an address.

    Args:
        url: with whatever key it holds.
        private: whether it may be in a private network, or on this machine.
        timeout: seconds for one attempt.

    Raises:
        SettingsError: it is no address of the web, or one of a private network.
    """

    errors: tuple[type[Exception], ...] = ERRORS

    def __init__(self, url: str, *, private: bool = False, timeout: float = 5.0) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            parsed = httpx.URL("")
        if parsed.scheme not in {"http", "https"} or not _HOST.fullmatch(parsed.host):
            raise SettingsError("SLACK_WEBHOOK_URL is no web address. It begins with https://.")
        if not allowed(f"{parsed.scheme}://{parsed.netloc.decode()}/", private=private):
            raise SettingsError(
                f"SLACK_WEBHOOK_URL leads to {parsed.host}, which is in a private network. "
                "Set CMO_WEBHOOK_PRIVATE=true if it is meant."
            )
        self._url = Address(url)
        self._client = httpx.Client(
            timeout=timeout, transport=CheckedTransport(private=private, limits=httpx.Limits(max_connections=2))
        )
        self.name = f"webhook at {parsed.host}"

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def send(self, notice: Notice) -> None:
        """Post one, once.

        Raises:
            httpx.HTTPError: it was not taken.
        """
        request = self._client.build_request("POST", self._url, json=payload(notice))
        request.url = self._url
        reply = self._client.send(request, stream=True)  # its text is of no use, and may go on for ever
        reply.close()
        reply.raise_for_status()

    def again(self, error: Exception) -> Again | None:
        """Whether a failed attempt may be made again."""
        return judge(error).again

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def payload(notice: Notice) -> dict[str, object]:
    """What is posted: a line of plain text for those who show no more, and blocks for those who do."""
    title = _escaped(clean_line(notice.title))
    line = f"{_SIGNS[notice.severity]} *{title}*"
    text = "\n".join(part for part in (line, _escaped(notice.text)) if part)
    blocks: list[dict[str, object]] = [_section(text)]
    if notice.facts:
        told = [f"*{_escaped(name)}*\n{_escaped(value)}" for name, value in notice.facts[:_MOST_FIELDS]]
        blocks.append({"type": "section", "fields": [{"type": "mrkdwn", "text": shorten(t, 1_900)} for t in told]})
    return {"text": shorten(f"{title}: {_escaped(notice.text)}", _LONGEST), "blocks": blocks}


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": shorten(text, _LONGEST)}}


def _escaped(text: str) -> str:
    """Nothing in a notice may become a link, or call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
