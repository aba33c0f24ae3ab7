"""The service: where it listens, and who may change it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


class ServiceGroup(BaseSettings):
    """The service: where it listens, and who may change it."""

    access: Annotated[Literal["auto", "keys", "open"], Field(validation_alias=AliasChoices("CMO_ACCESS"))] = "auto"
    """Who needs a key (`cmo keys`): `auto` everybody as soon as one was made, `keys` everybody, `open` nobody, for a
    service behind something else that asks who it is."""
    key_per_minute: Annotated[int, Field(validation_alias=AliasChoices("CMO_KEY_PER_MINUTE"), ge=0)] = 6_000
    """Requests of a key in a minute, where it has no limit of its own; 0 for any number. Of all processes of
    a machine together; of several machines with `CMO_REDIS_URL`."""
    key_per_day: Annotated[int, Field(validation_alias=AliasChoices("CMO_KEY_PER_DAY"), ge=0)] = 0
    """The same of a day (UTC), in all processes together."""
    body_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_BODY_SECONDS"), gt=0, le=3_600)] = 20.0
    """Longest wait for the next part of what a client sends; who is slower is let go."""
    turn_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_TURN_SECONDS"), gt=0, le=60)] = 0.1
    """Longest that a question waits for its turn while more is asked than can be answered; what would wait longer is refused
    at once, with 503. A burst of a moment is borne."""
    exposure_days: Annotated[float, Field(validation_alias=AliasChoices("CMO_EXPOSURE_DAYS"), ge=0, le=36_500)] = 400.0
    """For how long is kept who was put into which arm of a rollout or an experiment, by hash, and what came of it; 0 for good."""
    spending_days: Annotated[float, Field(validation_alias=AliasChoices("CMO_SPENDING_DAYS"), ge=0, le=36_500)] = 800.0
    """The same of each call that cost; sums by day and month stay. See `CMO_AUDIT_DAYS` for answers."""
    tls_certificate: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_TLS_CERTIFICATE"))] = None
    """File of the certificate (PEM, with those that vouch for it) with which the service speaks TLS."""
    tls_key: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_TLS_KEY"))] = None
    """File of its private key."""
    tls_before: Annotated[bool, Field(validation_alias=AliasChoices("CMO_TLS_BEFORE"))] = False
    """Whether something before the service speaks TLS: cookies are then marked for it, and browsers told to stay with it."""
    tenants_open: Annotated[int, Field(validation_alias=AliasChoices("CMO_TENANTS_OPEN"), ge=1, le=1000)] = 8
    """Bases of other tenants that a process keeps open at once; the one that was asked least lately is closed for another."""
    session_hours: Annotated[float, Field(validation_alias=AliasChoices("CMO_SESSION_HOURS"), gt=0, le=720)] = 12.0
    """After which whoever logged in on the pages logs in again."""
    api_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_API_KEY"))] = SecretStr("")
    """What `cmo.client`, `cmo chat` and `cmo mcp` show a service, as a bearer token; some calls need the admin's."""
    admin_token: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_ADMIN_TOKEN"))] = SecretStr("")
    """A bearer token that opens as the key of an admin does; `cmo keys create --role admin` makes one that can be revoked."""
    host: Annotated[str, Field(validation_alias=AliasChoices("CMO_HOST"))] = "127.0.0.1"
    """Address on which the service listens: this machine alone unless told otherwise."""
    allowed_hosts: Annotated[str, Field(validation_alias=AliasChoices("CMO_ALLOWED_HOSTS"))] = ""
    """Names by which browsers may call the service, separated by commas; IP addresses and localhost always may."""
    port: Annotated[int, Field(validation_alias=AliasChoices("CMO_PORT", "PORT"), ge=0, le=65535)] = 8000
    """Port on which the service listens; 0 takes a free one."""
    profile: Annotated[
        Literal["", "development", "staging", "production"], Field(validation_alias=AliasChoices("CMO_PROFILE"))
    ] = ""
    """For what it runs: sets budget and quality threshold where nothing else does. `ENVIRONMENT` is heard where this is not set."""
