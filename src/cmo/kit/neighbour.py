"""The service of this machine, asked by a command that runs beside it: where it listens, and that it is itself.

By TLS whoever replies must hold the service's own certificate; its names are not looked at, since no certificate names
the loopback address.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not listened at


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where a service of this machine listens.

    Args:
        host: as it is set.
        port: of it.
        certificate: the file that it shows by TLS; None where it speaks without.
    """

    host: str
    port: int
    certificate: Path | None = None

    @property
    def url(self) -> str:
        """Its address, as it is reached from here."""
        host = _ANYWHERE.get(self.host, self.host)
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.certificate else 'http'}://{shown}:{self.port}"

    def ask(self, path: str, *, key: str = "", seconds: float) -> httpx.Response:
        """What it replies, whatever that is.

        Raises:
            httpx.HTTPError: nobody replies, or somebody else.
        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with httpx.Client(verify=self._trusted(), trust_env=False, timeout=seconds) as client:
                return client.get(f"{self.url}{path}", headers=headers)
        except (httpx.InvalidURL, OSError) as error:
            raise httpx.ConnectError(str(error)) from error

    def answers(self, *, seconds: float) -> bool:
        """Whether what listens there is a service of ours; no key is needed to know it."""
        try:
            told = self.ask("/ready", seconds=seconds).json()
        except (httpx.HTTPError, ValueError):
            return False
        return isinstance(told, dict) and "ready" in told

    def _trusted(self) -> ssl.SSLContext | bool:
        if self.certificate is None:
            return False
        context = ssl.create_default_context(cafile=self.certificate.expanduser())
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # its own certificate is the anchor, whoever signed it
        return context
