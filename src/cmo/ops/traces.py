"""Finished traces to a collector, by OTLP over HTTP (extra `otel`); where that is not wanted, nothing of it is loaded.

::

    Trace --enough of them wanted?--> spans of OpenTelemetry --> a batch in a thread of its own --> POST {url}/v1/traces

The stages of a question are our own values (`cmo.kit.spans`), so that nothing depends on OpenTelemetry; here they become
its spans once a request is over. A collector that is gone or slow costs spans, never time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from cmo.errors import SettingsError
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.spans import Span, Trace
from cmo.ops.watch import Request

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

QUEUE: Final = 2048
EVERY_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 5.0
_SECOND: Final = 1_000_000_000
_FAULT: Final = 500
_OUTSIDE: Final = frozenset({"llm", "web"})


class Exporter:
    """Sends traces. Threads may share it.

    Args:
        url: base address of the collector, such as ``http://127.0.0.1:4318``.
        share: of the requests; one whose caller sent a trace of its own is sent if the caller says so.
        version: of this program.
        worker: number of this process among others.
        chance: decides for the rest.
        wait: seconds for the collector to take a batch.

    Raises:
        SettingsError: the extra `otel` is not installed, or the address is none.
    """

    def __init__(
        self,
        url: str,
        share: float,
        version: str,
        *,
        worker: Callable[[], int] = int,
        chance: Chance = CHANCE,
        wait: float = WAIT_SECONDS,
    ) -> None:
        require(url)
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=wait)
        self._batch = BatchSpanProcessor(
            exporter, max_queue_size=QUEUE, schedule_delay_millis=EVERY_SECONDS * 1000, max_export_batch_size=QUEUE // 4
        )
        self._resource = Resource({"service.name": "cmo", "service.version": version})
        self._share = share
        self._wait = wait
        self._worker = worker
        self._chance = chance
        self._offset = time.time_ns() - int(time.perf_counter() * _SECOND)  # spans are timed by the other clock

    def __call__(self, request: Request, trace: Trace) -> None:
        """A request is over."""
        if not trace.spans or not (trace.sampled if trace.remote else self._chance() < self._share):
            return
        for span in trace.spans:
            self._batch.on_end(self._readable(span, trace, request))

    def close(self) -> None:
        """Send what is there, within a few seconds."""
        self._batch.force_flush(int(self._wait * 1000))
        self._batch.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span, trace: Trace, request: Request) -> ReadableSpan:
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

        whole = span.parent is None
        parent = span.parent.id if span.parent else trace.remote
        failed = request.status >= _FAULT if whole else bool(span.error)
        began = int(span.began * _SECOND) + self._offset
        kind = SpanKind.SERVER if whole else SpanKind.CLIENT if span.name in _OUTSIDE else SpanKind.INTERNAL
        return ReadableSpan(
            f"{request.method} {request.endpoint or 'other'}" if whole else span.name,
            _context(trace.id, span.id, remote=False),
            _context(trace.id, parent, remote=span.parent is None) if parent else None,
            self._resource,
            {**(span.facts or {}), **(self._whole(request) if whole else {"error.type": span.error} if failed else {})},
            kind=kind,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=began,
            end_time=began + int(span.seconds * _SECOND),
            instrumentation_scope=_scope(),
        )

    def _whole(self, request: Request) -> dict[str, Any]:
        """As the semantic conventions name it (https://opentelemetry.io/docs/specs/semconv/http/)."""
        return {
            "http.request.method": request.method,
            "http.route": request.endpoint,
            "http.response.status_code": request.status,
            "cmo.request_id": request.id,
            "cmo.worker": self._worker(),
            **({"cmo.problem": request.code} if request.code else {}),
        }


def require(url: str) -> None:
    """Go on only where traces can be sent.

    Raises:
        SettingsError: the extra `otel` is not installed, or the address is none.
    """
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"CMO_OTLP_URL is no address: {url!r}. Give one such as http://127.0.0.1:4318.")
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise SettingsError(
            "CMO_OTLP_URL needs OpenTelemetry. Install it: pip install 'clinical-metabolomics-oracle[otel]'."
        )


def _context(trace: str, span: str, *, remote: bool) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    return SpanContext(int(trace, 16), int(span, 16), is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))


@cache
def _scope() -> Any:
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

    return InstrumentationScope("cmo")
