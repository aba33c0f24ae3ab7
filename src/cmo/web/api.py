"""The service, put together: layers around routes.

::

    Boundary (request id, headers, last catch) > Guard (host, origin, size) > Deadlines > routes > Desk > the app
"""

from __future__ import annotations

import gc
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

import cmo
from cmo.app import App
from cmo.errors import OracleError
from cmo.web import (
    answers,
    classify,
    deep,
    enrichment,
    evidence,
    experiments,
    graph,
    papers,
    problems,
    questions,
    releases,
    search,
    site,
    status,
)
from cmo.web.boundary import Boundary
from cmo.web.deadline import Deadlines
from cmo.web.desk import Desk
from cmo.web.guard import Guard, Limits
from cmo.web.schemas import Problem

log = logging.getLogger("cmo.web")


def create_api(house: App) -> FastAPI:
    """The HTTP service of an app. The caller opens and closes the app."""
    limits = Limits(file_bytes=house.settings.max_file_megabytes * 1_000_000)
    desk = Desk(house, limits)
    sorting = classify.Sorting(house)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await desk.write(papers.sweep, house)
        await desk.warm()
        gc.freeze()  # what is loaded stays for good: collections need not look at it again
        yield
        await desk.aclose()
        await sorting.aclose()

    api = FastAPI(
        title="Clinical Metabolomics Oracle",
        summary="Answers from your own papers, each sentence traced to its printed page.",
        version=cmo.__version__,
        docs_url=None,  # they load scripts from elsewhere; /docs is our own
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[
            Middleware(Boundary, new_id=lambda: uuid.uuid4().hex),
            Middleware(Guard, hosts=_hosts(house), limits=limits),
            Middleware(Deadlines),
        ],
        responses={
            422: {"model": Problem, "description": "The request cannot be used as it stands"},
            504: {"model": Problem, "description": "The deadline in X-Deadline-Ms passed"},
        },
    )
    api.state.desk = desk
    api.state.sorting = sorting
    for part in (
        questions,
        search,
        deep,
        answers,
        classify,
        enrichment,
        graph,
        evidence,
        papers,
        releases,
        experiments,
        status,
        site,
    ):
        api.include_router(part.router)
    api.include_router(experiments.pages)
    api.mount("/static", site.files())
    api.add_exception_handler(OracleError, problems.on_oracle_error)
    api.add_exception_handler(RequestValidationError, problems.on_invalid)
    api.add_exception_handler(HTTPException, problems.on_http_exception)
    _describe(api)
    return api


def _hosts(house: App) -> frozenset[str]:
    named = (house.settings.host, *house.settings.allowed_hosts.split(","))
    return frozenset(host.strip() for host in named if host.strip())


def _describe(api: FastAPI) -> None:
    """Let the OpenAPI document say that problems have a media type of their own."""
    made = api.openapi

    def described() -> dict[str, Any]:
        document = made()
        for operations in document["paths"].values():
            for operation in operations.values():
                for code, response in operation["responses"].items():
                    content = response.get("content", {})
                    if code >= "400" and "application/json" in content:
                        content[problems.MEDIA_TYPE] = content.pop("application/json")
        return document

    api.openapi = described  # type: ignore[method-assign]
