"""The part of the cast list that lets people in whom a provider knows: made of the settings, where they name one."""

from __future__ import annotations

from cmo.access.persons import Standing, roles_in
from cmo.access.provider import Client, Provider
from cmo.access.signin import SignIn
from cmo.access.tokens import require_extra
from cmo.access.warden import Warden
from cmo.errors import SettingsError
from cmo.kit.clock import Clock
from cmo.settings import Settings


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


def client_secret(settings: Settings) -> str:
    """What the provider is shown, as it is set, or from the file that is named; empty where there is none.

    Raises:
        SettingsError: the file cannot be read.
    """
    if (secret := settings.oidc_client_secret.get_secret_value()) or settings.oidc_client_secret_file is None:
        return secret
    try:
        secret = settings.oidc_client_secret_file.expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"CMO_OIDC_CLIENT_SECRET_FILE cannot be read: {error}.") from error
    if not secret:
        raise SettingsError("CMO_OIDC_CLIENT_SECRET_FILE is empty. Put the client's secret into it.")
    return secret
