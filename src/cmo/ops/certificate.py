"""The certificate with which the service speaks TLS: whether its key is of it, and until when it is good.

::

    files --load--> a handshake with ourselves, in memory, that trusts this certificate alone --> its end --> Finding

The standard library tells of a certificate only what a handshake has verified, so one is made; nothing is listened to.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cmo.ops.doctor import Finding, broken, degraded, ok

SOON: Final = timedelta(days=30)
"""Before its end somebody should be renewing it; most authorities renew by themselves at this time."""
_EXPIRED, _EARLY = 10, 9
"""X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID of OpenSSL."""
_RENEW: Final = "Renew it, put it in its place, and begin the service anew."
_FILES: Final = (
    "CMO_TLS_CERTIFICATE and CMO_TLS_KEY must be PEM files, the key without a password and of that certificate."
)


def certificate(name: str, files: tuple[Path | None, Path | None], now: datetime) -> Finding:
    """Whether TLS can be spoken with these files, and for how long.

    Args:
        name: of the check.
        files: of the certificate and of its key.
        now: the time, for how long is left; what has expired is seen by the machine's clock.
    """
    chain, key = (path and path.expanduser() for path in files)
    if chain is None or key is None:
        return broken(name, "Of CMO_TLS_CERTIFICATE and CMO_TLS_KEY one is set", "Set both, or none.")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(chain, key, password="")
        told = _told(server, chain)
    except ssl.SSLCertVerificationError as error:
        return _not_good(name, error)
    except (OSError, ValueError) as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            return broken(name, f"{key} is the key of another certificate", _FILES)
        return broken(name, f"TLS cannot be spoken: {error}", _FILES)
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    said = f"{chain.name} is good until {end:%Y-%m-%d}"
    if end - now < SOON:
        return degraded(name, f"{said}: {max(0, (end - now).days)} days", _RENEW)
    return ok(name, said)


def _not_good(name: str, error: ssl.SSLCertVerificationError) -> Finding:
    if error.verify_code == _EXPIRED:
        return broken(name, "The certificate has expired: browsers and programs refuse it", _RENEW)
    if error.verify_code == _EARLY:
        return broken(name, "The certificate is not good yet", "Check this machine's clock, or wait.")
    return broken(name, f"The certificate is not for a service: {error.verify_message}", _FILES)


def _told(server: ssl.SSLContext, path: Path) -> dict[str, Any]:
    """What a handshake tells of the certificate."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever issued it is not asked
    client.load_verify_locations(path)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up)
    waiting = [theirs, ours]
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    return dict(theirs.getpeercert() or {})
