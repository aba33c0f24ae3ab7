"""Signing in with a provider that knows people: OpenID Connect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from cmo.errors import SettingsError

CALLBACK = "/login/oidc/callback"
"""Where people come back to."""


class OidcGroup(BaseSettings):
    """Signing in with a provider that knows people: OpenID Connect."""

    oidc_issuer: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_ISSUER"), max_length=500)] = ""
    """Address of the provider, letter by letter as it calls itself; people may then sign in with it. Needs the extra `oidc`."""
    oidc_client_id: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_CLIENT_ID"), max_length=300)] = ""
    """By which name the provider knows this service."""
    oidc_client_secret: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_OIDC_CLIENT_SECRET"))] = (
        SecretStr("")
    )
    """What it shows the provider, if that asks for it."""
    oidc_client_secret_file: Annotated[
        Path | None, Field(validation_alias=AliasChoices("CMO_OIDC_CLIENT_SECRET_FILE"))
    ] = None
    """A file that holds the same, where `CMO_OIDC_CLIENT_SECRET` is not set."""
    oidc_redirect_url: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_REDIRECT_URL"), max_length=500)] = (
        ""
    )
    """Where people come back to, as it is registered there: the address of this service and ``/login/oidc/callback``."""
    oidc_roles: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_ROLES"), max_length=20_000)] = ""
    """Which group has which role, such as ``readers=reader, staff=curator``; the group ``*`` is everybody whom the provider knows."""
    oidc_roles_claim: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_ROLES_CLAIM"), min_length=1)] = (
        "groups"
    )
    """Where the ID token says the groups: a claim, or a path such as ``realm_access.roles``."""
    oidc_tenant_claim: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_TENANT_CLAIM"))] = ""
    """Where it says the tenant; without one all are of the service's own."""
    oidc_name_claim: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_NAME_CLAIM"), min_length=1)] = (
        "preferred_username"
    )
    """Where it says the name under which answers are written down; else ``email``, else ``sub``."""
    oidc_scopes: Annotated[
        str, Field(validation_alias=AliasChoices("CMO_OIDC_SCOPES"), pattern=r"(^|\s)openid(\s|$)")
    ] = "openid profile email"
    """What the provider is asked for; some tell groups only with a scope of their own."""
    oidc_audience: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_AUDIENCE"), max_length=500)] = ""
    """Audience of access tokens (JWT) that programs may show instead of a key; without one they may show none."""
    oidc_label: Annotated[str, Field(validation_alias=AliasChoices("CMO_OIDC_LABEL"), min_length=1, max_length=60)] = (
        "your institution"
    )
    """How the login page calls it."""

    @model_validator(mode="after")
    def _sign_in_is_whole(self) -> Self:
        if self.oidc_issuer or self.oidc_client_id or self.oidc_redirect_url or self.oidc_roles or self._secret_set():
            try:
                require_whole(self)
            except SettingsError as error:
                raise ValueError(str(error).rstrip(".")) from error
        return self

    def _secret_set(self) -> bool:
        return bool(self.oidc_client_secret.get_secret_value()) or self.oidc_client_secret_file is not None


def require_whole(group: OidcGroup) -> None:
    """Refuse what would let in nobody, or let in by half.

    Raises:
        SettingsError: something is missing, or cannot be used.
    """
    from cmo.access.persons import roles_in  # noqa: PLC0415 - most need none of it
    from cmo.access.provider import sound  # noqa: PLC0415

    needed = {
        "CMO_OIDC_ISSUER": group.oidc_issuer,
        "CMO_OIDC_CLIENT_ID": group.oidc_client_id,
        "CMO_OIDC_REDIRECT_URL": group.oidc_redirect_url,
        "CMO_OIDC_ROLES": group.oidc_roles,
    }
    if missing := [name for name, value in needed.items() if not value.strip()]:
        raise SettingsError(f"To sign in with a provider, {', '.join(missing)} must be set as well.")
    for name in ("CMO_OIDC_ISSUER", "CMO_OIDC_REDIRECT_URL"):
        if not sound(needed[name], here=True):
            raise SettingsError(f"{name} must be an address of https, or of http on this machine.")
    if urlsplit(group.oidc_issuer).query:
        raise SettingsError("CMO_OIDC_ISSUER must have no query.")
    redirect = urlsplit(group.oidc_redirect_url)
    if redirect.path != CALLBACK or redirect.query:
        raise SettingsError(f"CMO_OIDC_REDIRECT_URL must be the address of this service and {CALLBACK}.")
    if group.oidc_audience and group.oidc_audience == group.oidc_client_id:
        raise SettingsError(
            "CMO_OIDC_AUDIENCE must not be CMO_OIDC_CLIENT_ID, or what says who signed in would open as well."
        )
    roles_in(group.oidc_roles)
