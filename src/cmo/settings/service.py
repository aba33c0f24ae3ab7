"""The service: where it listens, and who may change it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


class ServiceGroup(BaseSettings):
    """The service: where it listens, and who may change it."""

    api_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_API_KEY"))] = SecretStr("")
    """What `cmo.client`, `cmo chat` and `cmo mcp` show a service, as a bearer token; some calls need the admin's."""
    admin_token: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_ADMIN_TOKEN"))] = SecretStr("")
    """What changes of releases over HTTP must carry as a bearer token; without one they are made by `cmo rollout` alone."""
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
