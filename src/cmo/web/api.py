"""The service, put together: layers around routes.

::

    Boundary (request id, headers, last catch) > Guard (host, origin, size) > Access (who asks) > Deadlines > Quick > routes > Desk
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import getrandbits
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

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
    fair,
    graph,
    handing,
    login,
    lost,
    oidc,
    ops,
    papers,
    problems,
    questions,
    releases,
    search,
    site,
    status,
    webhooks,
)
from cmo.web.boundary import Boundary
from cmo.web.deadline import Deadlines
from cmo.web.desk import Desk
from cmo.web.doors import by_tls
from cmo.web.entrance import Access, Entrance
from cmo.web.guard import Guard, Limits
from cmo.web.login import cookie_name
from cmo.web.observing import Observing
from cmo.web.quick import Quick
from cmo.web.roles import Needs, table, tell
from cmo.web.schemas import Problem
from cmo.web.tenants import Desks

log = logging.getLogger("cmo.web")
ROUTERS: Final = (
    questions.router,
    search.router,
    deep.router,
    answers.router,
    classify.router,
    enrichment.router,
    graph.router,
    evidence.router,
    papers.router,
    releases.router,
    experiments.router,
    webhooks.router,
    status.router,
    ops.router,
    ops.pages,
    login.router,
    oidc.router,
    handing.router,
    site.router,
    experiments.pages,
)
"""All routes, each of which says who may call it."""


def create_api(house: App, run: Path | None = None) -> FastAPI:
    """The HTTP service of an app. The caller opens and closes the app.

    Args:
        house: the app.
        run: folder in which the workers of one service tell each other what they count; None where there is but one.
    """
    limits = Limits(file_bytes=house.settings.max_file_megabytes * 1_000_000, body_seconds=house.settings.body_seconds)
    several = run is not None or bool(house.settings.database_url)
    desk = Desk(house, limits, one_of_several=several)
    observing = Observing(desk, run)
    desks = Desks(desk, house.settings.tenants_open)
    entrance = Entrance(
        house.warden, desks, cookie_name(house.settings), lambda: house.meter, house.sign_in, crossed=observing.crossed
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await desk.write(papers.sweep, house)
        house.rounds.start()
        await observing.start()
        fair.tell(asyncio.get_running_loop(), desks.busy)
        await desk.warm()
        gc.freeze()  # what is loaded stays for good: collections need not look at it again
        yield
        await desk.write(house.rounds.close)
        await observing.aclose()
        await desks.aclose()
        await house.meter.aclose()
        if house.sign_in is not None:
            await house.sign_in.provider.aclose()
        await desk.aclose()

    api = FastAPI(
        title="Clinical Metabolomics Oracle",
        summary="Answers from your own papers, each sentence traced to its printed page.",
        version=cmo.__version__,
        docs_url=None,  # they load scripts from elsewhere; /docs is our own
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # `cmo.ops` tells, and never what was asked
        lifespan=lifespan,
        middleware=[
            Middleware(
                Boundary,
                new_id=lambda: f"{getrandbits(128) or 1:032x}",  # names a request, and opens nothing
                listener=observing.listener,
                leaving=lambda: desk.leaving,
                stages=house.settings.stages,
                by_tls=by_tls(house.settings),
            ),
            Middleware(Guard, hosts=_hosts(house), limits=limits),
            Middleware(Access, entrance=entrance),
            Middleware(Deadlines),
            Middleware(Quick),
        ],
        responses={
            401: {"model": Problem, "description": "A key is needed, and none was sent that holds"},
            403: {"model": Problem, "description": "Who asks may not do this"},
            422: {"model": Problem, "description": "The request cannot be used as it stands"},
            429: {"model": Problem, "description": "The key asks too often"},
            504: {"model": Problem, "description": "The deadline in X-Deadline-Ms passed"},
        },
    )
    api.state.desk = desk
    api.state.observing = observing
    api.state.entrance = entrance
    for router in ROUTERS:
        api.include_router(router)
    api.mount("/static", site.files())
    api.add_exception_handler(OracleError, lost.seen(problems.on_oracle_error))
    api.add_exception_handler(RequestValidationError, lost.seen(problems.on_invalid))
    api.add_exception_handler(HTTPException, lost.seen(problems.on_http_exception))
    _describe(api, table(ROUTERS))
    return api


def _hosts(house: App) -> frozenset[str]:
    named = (house.settings.host, *house.settings.allowed_hosts.split(","))
    return frozenset(host.strip() for host in named if host.strip())


def _describe(api: FastAPI, needed: Mapping[tuple[str, str], Needs]) -> None:
    """Let the OpenAPI document say who may call what, and that problems have a media type of their own."""
    made = api.openapi

    def described() -> dict[str, Any]:
        document = made()
        tell(document, needed)
        for operations in document["paths"].values():
            for operation in operations.values():
                for code, response in operation["responses"].items():
                    content = response.get("content", {})
                    if code >= "400" and "application/json" in content:
                        content[problems.MEDIA_TYPE] = content.pop("application/json")
        return document

    api.openapi = described  # type: ignore[method-assign]
    for route in api.routes:
        if isinstance(route, Route) and route.path == api.openapi_url:
            route.app = GZipMiddleware(route.app)  # it has two hundred kB as it stands
