"""The tracer of this process: to a collector on loopback, to none, and never in a call's way.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from mediator.adapters.tracer_otel import tracer as module
from mediator.adapters.tracer_otel.tracer import NO_COLLECTOR, OtlpTracer, wants_spans
from mediator.mediation.record import DecisionRecord, OutcomeRecord, Receipt, decision_entry, outcome_entry
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.collector import Collector, a_collector
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import a_call, a_release, a_tool, allowed, denied

RECEIPT = Receipt(stream="s", index=1, digest="x")


def a_pair(number: int = 1) -> tuple[DecisionRecord, OutcomeRecord]:
    call = a_call(trace_parent={"trace_id": "c" * 32, "span_id": "d" * 16, "sampled": True})
    decision = DecisionRecord(entry=decision_entry(allowed(number, call=call)), values={}, receipt=RECEIPT)
    entry = outcome_entry(decision, a_release(), NOW_MS + 5, forwarded=True)
    return decision, OutcomeRecord(entry=entry, receipt=RECEIPT)


def a_denial() -> DecisionRecord:
    entry = decision_entry(denied(2, reason=Reason.DENIED_BY_POLICY, tool=a_tool()))
    return DecisionRecord(entry=entry, values={}, receipt=RECEIPT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEED_SECONDS", 0.01)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "5")
    for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with a_collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        yield running


class _Ear(logging.Handler):
    """Whoever listens at the root, as an application does."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


@pytest.fixture
def heard() -> Iterator[list[logging.LogRecord]]:
    ear, root = _Ear(), logging.getLogger()
    root.addHandler(ear)
    yield ear.heard
    root.removeHandler(ear)


@pytest.fixture
def reports() -> list[str]:
    return []


@promise("P10")
def test_a_collector_is_sent_the_tree_of_each_decision(collector: Collector, reports: list[str]) -> None:
    """OTLP over HTTP, in protobuf: what a collector makes of it."""
    with OtlpTracer(reports.append) as tracer:
        tracer.observe(*a_pair())
        tracer.observe(a_denial(), None)
        collector.wait_for(5)
    tree = {(Span.SpanKind.Name(span.kind)[10:], span.name, span.parent_span_id.hex()) for span in collector.spans}
    assert tree == {
        ("SERVER", "tools/call clock__now", "d" * 16),
        ("INTERNAL", "authorize tools/call clock__now", f"1{1:015x}"),
        ("CLIENT", "tools/call now", f"1{1:015x}"),
        ("SERVER", "tools/call clock__now", ""),
        ("INTERNAL", "authorize tools/call clock__now", f"1{2:015x}"),
    }
    assert {span.trace_id.hex() for span in collector.spans} == {"c" * 32, f"a{2:031x}"}
    errors = [span for span in collector.spans if span.status.code == Status.STATUS_CODE_ERROR]
    assert [(span.name, span.trace_id.hex()) for span in errors] == [("tools/call clock__now", f"a{2:031x}")]
    assert reports == []


def test_where_to_and_as_what_is_said_by_the_standard_variables(
    collector: Collector, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry: OTEL_EXPORTER_OTLP_*, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    with OtlpTracer(reports.append, service="house") as tracer:
        tracer.observe(a_denial(), None)
        collector.wait_for(2)
    (resource,) = collector.resources
    assert resource.items() >= {"service.name": "house", "deployment.environment.name": "test"}.items()


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_SERVICE_NAME", "theirs"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=theirs")]
)
def test_an_operators_variable_names_the_service_before_we_do(
    collector: Collector, reports: list[str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """OpenTelemetry: OTEL_SERVICE_NAME."""
    monkeypatch.setenv(variable, value)
    with OtlpTracer(reports.append, service="ours") as tracer:
        tracer.observe(a_denial(), None)
        collector.wait_for(2)
    assert collector.resources[0]["service.name"] == "theirs"


def test_what_is_left_is_sent_at_the_end(
    collector: Collector, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a short session's spans too."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    with OtlpTracer(reports.append) as tracer:
        tracer.observe(*a_pair())
    assert len(collector.wait_for(3)) == 3


@promise("P11")
def test_without_a_collector_it_is_said_once_and_calls_go_on(
    reports: list[str], monkeypatch: pytest.MonkeyPatch, heard: list[logging.LogRecord]
) -> None:
    """Issue 2: works with no collector and says so once; the library's own lines are not heard."""
    with a_collector() as gone:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", gone.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.05")
    said = threading.Event()

    def report(line: str) -> None:
        reports.append(line)
        said.set()

    with OtlpTracer(report) as tracer:
        tracer.observe(*a_pair())
        assert said.wait(5)
        for number in range(2, 6):
            tracer.observe(*a_pair(number))
    assert reports == [NO_COLLECTOR]
    assert [record for record in heard if record.name.startswith("opentelemetry")] == []


def test_a_collector_that_refuses_is_none(collector: Collector, reports: list[str]) -> None:
    """Ours: whatever it says no with."""
    collector.status = 404
    with OtlpTracer(reports.append) as tracer:
        tracer.observe(a_denial(), None)
    assert reports == [NO_COLLECTOR]


class Stuck(SpanExporter):
    """An exporter that takes nothing until it is shut down."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self._ended = threading.Event()
        self.shutdowns = 0
        self.taken: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.began.set()
        assert self._ended.wait(5)
        self.taken.extend(spans)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.shutdowns += 1
        self._ended.set()


@promise("P11", "P12")
def test_a_collector_that_hangs_slows_nothing_and_what_finds_no_room_is_dropped(
    reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a bounded queue; observing neither waits nor grows."""
    monkeypatch.setattr(module, "OBSERVED_MAX", 10)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")
    stuck = Stuck()
    tracer = OtlpTracer(reports.append, exporter=stuck)
    denial = a_denial()
    tracer.observe(denial, None)
    assert stuck.began.wait(5)
    for _ in range(5_000):
        tracer.observe(denial, None)
    assert len(tracer._observed) <= 10
    tracer.close(seconds=0.05)
    assert reports == [NO_COLLECTOR]
    assert stuck.shutdowns == 1
    tracer.close(seconds=0.05)
    assert stuck.shutdowns == 1


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_SDK_DISABLED": " TRUE "}, False),
        ({"OTEL_SDK_DISABLED": "false"}, True),
        ({"OTEL_SDK_DISABLED": "1"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "console"}, False),
        ({"OTEL_TRACES_EXPORTER": ""}, True),
    ],
)
def test_tracing_is_turned_off_by_the_standard_variables(environment: dict[str, str], wanted: bool) -> None:
    """OpenTelemetry, general SDK configuration."""
    assert wants_spans(environment) is wanted
