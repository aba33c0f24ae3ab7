"""The part of the cast list that lets people in whom a provider knows: made of the settings, where they name one."""

from __future__ import annotations

from cmo.access.persons import Standing, roles_in
from cmo.access.provider import Client, Provider
from cmo.access.signin import SignIn
from cmo.access.tokens import require_extra
from cmo.access.warden import Warden
from cmo.kit.clock import Clock
from cmo.settings import Settings
from cmo.settings.oidc import client_secret


def sign_in_of(settings: Settings, warden: Warden, clock: Clock) -> SignIn | None:
    """What lets them in; None where nobody is named.

    Raises:
        SettingsError: the secret cannot be read.
        ExtraMissing: the extra is not installed.
    """
    if not settings.oidc_issuer:
        return None
    standing = Standing(
        roles_in(settings.oidc_roles),
        settings.oidc_roles_claim,
        settings.oidc_tenant_claim,
        settings.oidc_name_claim,
        settings.tenant,
    )
    return SignIn(provider_of(settings, clock), standing, warden, clock)


def provider_of(settings: Settings, clock: Clock) -> Provider:
    """Who knows them.

    Raises:
        SettingsError: the secret cannot be read.
        ExtraMissing: the extra is not installed.
    """
    require_extra()
    client = Client(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_redirect_url,
        client_secret(settings),
        settings.oidc_scopes,
        settings.oidc_audience,
    )
    return Provider(client, clock)
