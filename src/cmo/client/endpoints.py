"""Everything that the service offers, and what both clients do alike: addresses, deadlines, errors.

::

    call --deadline, key--> HTTP --2xx--> its reply
             ^                `----problem--> may it be repeated? --no--> an error of ours
             '---a pause, as long as the service asks for--'yes
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from cmo.client import calls, calls_webhooks
from cmo.client.endpoint import Call, Endpoint
from cmo.client.refused import judge, known, refusal
from cmo.errors import OutOfTime, ServiceGone, ServiceRefused, SettingsError
from cmo.kit.allowance import Purse
from cmo.kit.deadline import header, remaining
from cmo.kit.retry import Patience, Retrier

T = TypeVar("T")
DEFAULT_URL: Final = "http://127.0.0.1:8000"
_CONNECT_SECONDS: Final = 5.0


class Endpoints:
    """Everything that the service offers."""

    ask = Endpoint("POST /query", calls.ask, repeatable=True)
    search = Endpoint("GET /api/search", calls.search)
    deep = Endpoint("POST /api/deep", calls.deep)
    thread = Endpoint("GET /api/deep/{thread_id}", calls.thread)
    forget_thread = Endpoint("DELETE /api/deep/{thread_id}", calls.forget_thread)
    enhanced = Endpoint("POST /api/query/enhanced", calls.enhanced, repeatable=True)
    compare = Endpoint("POST /api/query/enrichment/test", calls.compare, repeatable=True)
    reach = Endpoint("GET /api/query/enrichment/config", calls.reach)
    set_reach = Endpoint("PUT /api/query/enrichment/config", calls.set_reach)
    classify = Endpoint("POST /classify", calls.classify, repeatable=True)
    feedback = Endpoint("POST /api/feedback", calls.feedback, repeatable=True)
    answer = Endpoint("GET /api/answers/{answer_id}", calls.answer)
    references = Endpoint("GET /api/answers/{answer_id}/references", calls.references)
    replay = Endpoint("GET /api/answers/{answer_id}/replay", calls.replay)
    evidence = Endpoint("GET /evidence/{evidence_id}", calls.evidence)
    beside = Endpoint("GET /evidence/{evidence_id}/beside", calls.beside)
    page = Endpoint("GET /papers/{paper_id}/pages/{page}.png", calls.page)
    papers = Endpoint("GET /papers", calls.papers)
    paper = Endpoint("GET /papers/{paper_id}", calls.paper)
    upload = Endpoint("POST /papers", calls.upload, repeatable=True)  # a file that is known already is unchanged
    retract = Endpoint("DELETE /papers/{paper_id}", calls.retract)
    graph = Endpoint("GET /api/graph", calls.graph)
    path = Endpoint("GET /api/graph/path", calls.path)
    health = Endpoint("GET /health", calls.health)
    engine_health = Endpoint("GET /health/lightrag", calls.engine_health)
    live = Endpoint("GET /live", calls.live)
    ready = Endpoint("GET /ready", calls.ready)
    status = Endpoint("GET /kb/status", calls.status)
    statistics = Endpoint("GET /stats", calls.statistics)
    metrics = Endpoint("GET /api/metrics", calls.metrics)
    me = Endpoint("GET /api/me", calls.me)
    problem = Endpoint("GET /problems/{code}", calls.problem)
    releases = Endpoint("GET /api/releases", calls.releases)
    start_release = Endpoint("POST /api/releases", calls.start_release)
    move_release = Endpoint("POST /api/releases/rollout/{command}", calls.move_release)
    set_flag = Endpoint("PUT /api/releases/flags/{name}", calls.set_flag)
    experiments = Endpoint("GET /api/experiments", calls.experiments)
    experiment = Endpoint("GET /api/experiments/{name}", calls.experiment)
    act_on_experiment = Endpoint("POST /api/experiments/{name}/{deed}", calls.act_on_experiment)
    webhooks = Endpoint("GET /api/webhooks", calls_webhooks.webhooks)
    webhook = Endpoint("GET /api/webhooks/{webhook}", calls_webhooks.webhook)
    add_webhook = Endpoint("POST /api/webhooks", calls_webhooks.add_webhook)
    remove_webhook = Endpoint("DELETE /api/webhooks/{webhook}", calls_webhooks.remove_webhook)
    pause_webhook = Endpoint("POST /api/webhooks/{webhook}/pause", calls_webhooks.pause_webhook, repeatable=True)
    resume_webhook = Endpoint("POST /api/webhooks/{webhook}/resume", calls_webhooks.resume_webhook, repeatable=True)
    test_webhook = Endpoint("POST /api/webhooks/{webhook}/test", calls_webhooks.test_webhook, repeatable=True)
    rotate_webhook = Endpoint("POST /api/webhooks/{webhook}/secret", calls_webhooks.rotate_webhook)
    deliveries = Endpoint("GET /api/webhooks/deliveries", calls_webhooks.deliveries)
    redeliver = Endpoint("POST /api/webhooks/deliveries/{delivery}/again", calls_webhooks.redeliver, repeatable=True)

    def __init__(self, url: str, key: str | None, seconds: float, patience: Patience) -> None:
        self.url = _checked(url)
        self._seconds = seconds
        self._key = _key_of_settings() if key is None else key
        self._retrier = Retrier(patience, Purse(0.1, 10.0), (ServiceGone, ServiceRefused), judge)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _request(self, http: Any, endpoint: Endpoint[..., T], call: Call[T], files: Any = None) -> httpx.Request:
        place = {name: quote(str(value), safe="") for name, value in call.place.items()}
        request: httpx.Request = http.build_request(
            endpoint.method,
            endpoint.path.format_map(place),
            params={name: value for name, value in call.params.items() if value is not None},
            json=None if call.body is None else {k: v for k, v in call.body.items() if v is not None},
            files=files,
            headers={**self._headers, **call.headers, **header()},
            timeout=_timeout(),
        )
        return request


@contextmanager
def translated(url: str) -> Iterator[None]:
    """What a network does, as errors of ours.

    Raises:
        OutOfTime: the reply takes too long.
        ServiceGone: nobody is there, or hangs up.
        ServiceRefused: what comes is no reply of this service.
    """
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise _gone(url, error) from error
    except httpx.TimeoutException as error:
        raise OutOfTime(
            f"The service at {url} did not reply in time. Allow more with `seconds`, or `within`."
        ) from error
    except httpx.TransportError as error:
        raise _gone(url, error) from error
    except (httpx.HTTPError, ValueError) as error:
        raise ServiceRefused(f"What {url} replied is no reply of this service: {error}.") from error


@contextmanager
def as_ours() -> Iterator[None]:
    """What the service refuses, as the error that it is in process."""
    try:
        yield
    except ServiceRefused as refused:
        if (error := known(refused)) is refused:
            raise
        raise error from refused


def read(reply: httpx.Response, call: Call[T]) -> T:
    """What a call comes to.

    Raises:
        ServiceRefused: it is refused.
    """
    if not (reply.is_success or reply.status_code in call.also):
        raise refusal(reply)
    return call.read(reply)


def _gone(url: str, error: Exception) -> ServiceGone:
    why = str(error) or type(error).__name__
    return ServiceGone(f"No service answers at {url}: {why}. Start one with `cmo serve`, or name the address of yours.")


def _timeout() -> httpx.Timeout:
    left = remaining()
    return httpx.Timeout(None if math.isinf(left) else left, connect=min(_CONNECT_SECONDS, left))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise SettingsError(f"{url!r} is no address of a service: {error}.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"{url!r} is no address of a service. Give one such as {DEFAULT_URL}.")
    return url.rstrip("/")


def _key_of_settings() -> str:
    from cmo.settings import read_settings  # noqa: PLC0415 - who names a key needs no settings

    return read_settings().api_key.get_secret_value()
