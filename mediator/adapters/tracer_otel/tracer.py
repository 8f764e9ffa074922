"""The tracer of this process: spans from records, in the SDK's batches, by OTLP over HTTP.

It may not stop a call, nor slow it: `observe` puts two records into a bounded queue, threads make spans of them and
send them, and what finds no room is dropped. Where to, how long and how much is said by the standard `OTEL_*`
variables, which the SDK reads itself. That no collector takes the spans is said once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self, final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from mediator.adapters.tracer_otel.names import SERVICE
from mediator.adapters.tracer_otel.spans import spans_of
from mediator.canonical import JsonObject
from mediator.mediation.record import DecisionRecord, OutcomeRecord

NO_COLLECTOR: Final = (
    "no collector takes the spans; calls go on without. "
    "Start one, name it in OTEL_EXPORTER_OTLP_ENDPOINT, or set OTEL_SDK_DISABLED=true"
)
END_SECONDS: Final = 2.0
FEED_SECONDS: Final = 0.2
OBSERVED_MAX: Final = 2048  # decisions: as many as the SDK keeps spans (OTEL_BSP_MAX_QUEUE_SIZE)


def wants_spans(environment: Mapping[str, str]) -> bool:
    """Tell whether the standard variables leave tracing on (`OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER`)."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return not disabled and exporter in {"", "otlp"}


@final
class OtlpTracer:
    """Fills the port `Tracer`; a context, which sends what is left, within its time, when it is left.

    `report` is told, from another thread, in one line, when no collector takes the spans.
    """

    def __init__(
        self, report: Callable[[str], None], service: str = SERVICE, exporter: SpanExporter | None = None
    ) -> None:
        library = logging.getLogger("opentelemetry")  # what it would say of each failure is said once, by `report`
        library.addHandler(logging.NullHandler())
        library.propagate = False
        self._resource: Final = _resource_named(service)
        self._exporter: Final = _Reporting(OTLPSpanExporter() if exporter is None else exporter, report)
        self._batches: Final = BatchSpanProcessor(self._exporter)
        self._observed: Final[deque[tuple[JsonObject, JsonObject | None]]] = deque(maxlen=OBSERVED_MAX)
        self._is_ending: Final = threading.Event()
        self._feeder: Final = threading.Thread(target=self._feed, name="spans-making", daemon=True)
        self._feeder.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def observe(self, decision: DecisionRecord, outcome: OutcomeRecord | None) -> None:
        """Take note of a decision: what waits longest gives way where there is no room."""
        self._observed.append((decision.entry, None if outcome is None else outcome.entry))

    def close(self, seconds: float = END_SECONDS) -> None:
        """Send what is left; what a collector does not take in this time is dropped."""
        self._is_ending.set()
        ending = threading.Thread(target=self._end, name="spans-ending", daemon=True)
        ending.start()
        ending.join(seconds)
        if ending.is_alive():
            self._exporter.say_once()
        self._exporter.shutdown()

    def _feed(self) -> None:
        while not self._is_ending.wait(FEED_SECONDS):
            self._make_spans()
        self._make_spans()

    def _make_spans(self) -> None:
        while self._observed:
            for span in spans_of(*self._observed.popleft(), self._resource):
                self._batches.on_end(span)

    def _end(self) -> None:
        self._feeder.join()
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the SDK gives it no type


def _resource_named(service: str) -> Resource:
    """Return what the standard variables say of this process, by our name of it where they give it none."""
    told = Resource.create()  # OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
    is_named = not str(told.attributes["service.name"]).startswith("unknown_service")
    return told if is_named else told.merge(Resource({"service.name": service}))


@final
class _Reporting(SpanExporter):
    """Another exporter, and one line when it first fails."""

    def __init__(self, exporter: SpanExporter, report: Callable[[str], None]) -> None:
        self._exporter: Final = exporter
        self._report: Final = report
        self._lock: Final = threading.Lock()
        self._was_said = False
        self._is_shut_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.say_once()
        return result

    def shutdown(self) -> None:
        """Send nothing more."""
        with self._lock:
            was_shut_down, self._is_shut_down = self._is_shut_down, True
        if not was_shut_down:
            self._exporter.shutdown()

    def say_once(self) -> None:
        """Report that nobody takes the spans, unless it was said."""
        with self._lock:
            was_said, self._was_said = self._was_said, True
        if not was_said:
            self._report(NO_COLLECTOR)
