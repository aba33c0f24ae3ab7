"""Doors: whether a service may listen where it is to, and in which words it is told who can come in.

::

    this machine alone ---------------------------> may be open
    the network, keys or somebody else asks ------> may listen
                 '--neither--> refused, with what to do
"""

from __future__ import annotations

import logging
import ssl

from cmo.app import App
from cmo.errors import AccessRefused, SettingsError
from cmo.settings import Settings
from cmo.settings.clashes import is_here

log = logging.getLogger("uvicorn.error")
Files = tuple[str, str] | tuple[None, None]
"""Of a certificate and its key, where TLS is spoken."""


def require_keys(house: App) -> None:
    """Refuse to be open for a whole network, and say who can come in.

    Raises:
        AccessRefused: nobody would be asked for a key.
    """
    settings = house.settings
    if house.warden.needed():
        log.info("Keys are needed: `cmo keys create NAME` makes one, `cmo keys list` shows them")
        return
    if not is_here(settings.host) and settings.access != "open":
        raise AccessRefused(
            f"At {settings.host} whoever reaches this machine could ask, add and retract, and there is no key yet. "
            "Make one with `cmo keys create NAME --role admin`; or set CMO_ACCESS=keys, as in a container, and make it once "
            "the service runs; or CMO_ACCESS=open, if something before the service asks who it is; or listen on 127.0.0.1."
        )
    log.info("Open: no key is needed by whoever can reach %s; `cmo keys create NAME` changes that", settings.host)


def tls(settings: Settings) -> Files:
    """Files of the certificate and its key; none where TLS is not spoken.

    Raises:
        SettingsError: the certificate and its key cannot be used.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None, None
    if certificate is None or key is None:
        raise SettingsError("TLS needs both CMO_TLS_CERTIFICATE and CMO_TLS_KEY.")
    files = str(certificate.expanduser()), str(key.expanduser())
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*files, password="")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"TLS cannot be spoken with {files[0]} and {files[1]}: {error}. They must be PEM files, the key without a "
            "password and of that certificate."
        ) from error
    return files


def by_tls(settings: Settings) -> bool:
    """Whether clients come by TLS: spoken here, or by something before the service."""
    return settings.tls_before or settings.tls_certificate is not None
