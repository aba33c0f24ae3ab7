"""Requests made up from the OpenAPI document: whatever is sent, and by whom, the reply is one that the document describes."""

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from cmo.app import opened
from cmo.model.access import Key, Role
from cmo.settings import read_settings
from cmo.testing import HashingEmbedder
from cmo.web import create_api
from cmo.web.roles import EVERYBODY
from tests.acceptance.services import served_here

PAPER = "Maple syrup urine disease and its markers\n\nLeucine and valine are raised in maple syrup urine disease.\n"


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    """Of each role, once the service runs; nobody has the empty one."""
    return {"": ""}


@pytest.fixture(scope="module")
def contract(keys: dict[str, str]) -> Iterator[object]:
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(read_settings(working_dir=Path(folder) / "kb", key_per_minute=0, delivery=True)) as app,
    ):
        app.__dict__["encoder"] = HashingEmbedder()
        paper = Path(folder) / "paper.txt"
        paper.write_text(PAPER)
        with app.pipeline(1) as pipeline:
            list(app.curator.ingest(pipeline, [paper]))
        keys.update({r.value: app.keyring.make(Key("", "", r.value, r, "", 0.0), "root")[1].text for r in Role})
        with served_here(create_api(app)) as address:
            yield schemathesis.openapi.from_url(f"{address}/openapi.json", headers={"X-API-Key": keys[Role.ADMIN]})


WANTED = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
OF_BROWSERS = {"/login", "/logout"}
OPERATIONS = (
    "POST /query", "GET /query/stream", "POST /classify", "GET /stats",
    "GET /api/search", "GET /api/graph", "GET /api/graph/path", "POST /api/deep", "GET /api/deep/{thread_id}",
    "DELETE /api/deep/{thread_id}",
    "POST /api/feedback", "GET /api/answers/{answer_id}", "GET /api/answers/{answer_id}/references",
    "GET /api/answers/{answer_id}/replay",
    "POST /api/query/enhanced", "POST /api/query/enrichment/test", "GET /api/query/enrichment/config",
    "PUT /api/query/enrichment/config",
    "GET /papers", "GET /papers/{paper_id}", "DELETE /papers/{paper_id}", "GET /papers/{paper_id}/pages/{page}.png",
    "GET /evidence/{evidence_id}", "GET /evidence/{evidence_id}/beside",
    "GET /api/experiments", "GET /api/experiments/{name}", "POST /api/experiments/{name}/{deed}",
    "GET /api/releases", "POST /api/releases", "POST /api/releases/rollout/{command}", "PUT /api/releases/flags/{name}",
    "GET /api/webhooks", "POST /api/webhooks", "GET /api/webhooks/deliveries", "POST /api/webhooks/deliveries/{delivery}/again",
    "GET /api/webhooks/{webhook}", "DELETE /api/webhooks/{webhook}", "POST /api/webhooks/{webhook}/pause",
    "POST /api/webhooks/{webhook}/resume", "POST /api/webhooks/{webhook}/test", "POST /api/webhooks/{webhook}/secret",
    "GET /health", "GET /health/lightrag", "GET /live", "GET /ready", "GET /metrics", "GET /api/metrics", "GET /kb/status",
    "GET /problems/{code}", "POST /login", "POST /logout", "GET /api/me",
)  # fmt: skip
ELSEWHERE = {"POST /papers": "takes files: test_web_papers and test_web_service send good and bad ones"}


def test_every_operation_is_tried_here_or_elsewhere(contract: Any) -> None:
    told = contract.raw_schema["paths"]
    there = {f"{method.upper()} {path}" for path, methods in told.items() for method in methods}
    assert there - ELSEWHERE.keys() == set(OPERATIONS)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_reply_is_described(contract: Any, keys: dict[str, str], operation: str, mode: GenerationMode) -> None:
    """No fault, and a status, media type and shape that the document names; unfit data is refused.

    Who asks may all that there is to do; what is refused to others is described as well.
    """
    method, path = operation.split(" ")
    wanted = CHECKS.get_by_names(WANTED)
    some = count()
    needed = contract[path][method].definition.raw["x-role"]

    @settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(contract[path][method].as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        reply = case.call(headers={"X-API-Key": keys[Role.ADMIN]})
        case.validate_response(reply, checks=wanted)
        assert reply.status_code not in {401, 403} or path in OF_BROWSERS
        for role, key in keys.items():
            if needed != EVERYBODY and (not role or not Role(role).covers(Role(needed))) and next(some) % 4 == 0:
                refused = case.call(headers={"X-API-Key": key} if key else {})
                case.validate_response(refused, checks=wanted)
                assert refused.status_code in {400, 401, 403, 413, 415, 422}, role
        if mode.is_positive and method == "GET":
            assert reply.status_code in {200, 404, 422}

    try:
        holds()
    except Unsatisfiable:
        assert mode.is_negative, "a route without parameters cannot be sent unfit ones"
