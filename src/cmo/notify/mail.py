"""E-mail by SMTP, over TLS from the first byte, after STARTTLS, or plainly on the own machine."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from enum import StrEnum

from cmo.errors import SettingsError
from cmo.kit.clock import Clock
from cmo.kit.retry import Again
from cmo.kit.text import clean_line, shorten
from cmo.model.notices import Notice, Severity

_LONGEST_SUBJECT = 150
_TRANSIENT = range(400, 500)
_TOO_MANY_CONNECTIONS = 421


class Security(StrEnum):
    """How the connection is kept from others."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = ""
    timeout: float = 10.0

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port}, {self.security})"


class Mail:
    """Sends notices to some addresses.

    Args:
        server: where mail is handed in.
        sender: the address that it comes from.
        to: addresses that get it.
        clock: for the date.
        context: of TLS; the system's authorities by default.

    Raises:
        SettingsError: an address is none, or a password would go over an open line.
    """

    errors: tuple[type[Exception], ...] = (smtplib.SMTPException, OSError)

    def __init__(
        self, server: Server, sender: str, to: tuple[str, ...], clock: Clock, *, context: ssl.SSLContext | None = None
    ) -> None:
        wrong = [address for address in (sender, *to) if not _is_address(address)]
        if wrong or not to:
            raise SettingsError(
                f"{', '.join(wrong) or 'Nobody'} is no address of e-mail. Write it as name@example.org."
            )
        if (
            server.password
            and server.security is Security.NONE
            and server.host not in {"localhost", "127.0.0.1", "::1"}
        ):
            raise SettingsError(
                "A password for SMTP is not sent without TLS. Set CMO_SMTP_SECURITY to starttls or tls."
            )
        self._server = server
        self._sender = sender
        self._to = to
        self._clock = clock
        self._context = context
        self.name = f"mail by {server.host}"

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def send(self, notice: Notice) -> None:
        """Hand one in, once.

        Raises:
            smtplib.SMTPException: the server does not take it.
            OSError: nobody is there.
        """
        server = self._server
        context = self._context or ssl.create_default_context()
        if server.security is Security.TLS:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
        with smtp:
            if server.security is Security.STARTTLS:
                smtp.starttls(context=context)  # raises where the server has none: it is never done without
            if server.user:
                smtp.login(server.user, server.password)
            smtp.send_message(self.letter(notice))

    def letter(self, notice: Notice) -> EmailMessage:
        """What is sent."""
        letter = EmailMessage()
        letter["From"] = self._sender
        letter["To"] = ", ".join(self._to)
        letter["Date"] = formatdate(self._clock.now().timestamp())
        letter["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
        mark = "" if notice.severity is Severity.INFO else f"{notice.severity.value}: "
        letter["Subject"] = shorten(clean_line(f"[CMO] {mark}{notice.title}"), _LONGEST_SUBJECT)
        facts = "\n".join(f"{clean_line(name)}: {clean_line(value)}" for name, value in notice.facts)
        letter.set_content("\n\n".join(part for part in (notice.title, notice.text, facts) if part) + "\n")
        return letter

    def again(self, error: Exception) -> Again | None:
        """Whether a failed attempt may be made again: what the server refuses for good is not (RFC 5321, 4.2.1)."""
        if isinstance(error, smtplib.SMTPAuthenticationError | ssl.SSLError | smtplib.SMTPNotSupportedError):
            return None
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = [code for code, _ in error.recipients.values()]
            return Again() if all(code in _TRANSIENT for code in codes) else None
        if isinstance(error, smtplib.SMTPResponseException):
            return Again() if error.smtp_code in _TRANSIENT else None
        return Again()

    def close(self) -> None:
        """There is nothing open between two letters."""


def _is_address(text: str) -> bool:
    name, _, domain = parseaddr(text)[1].rpartition("@")
    return bool(name and domain) and text == clean_line(text) and " " not in text and "," not in text
