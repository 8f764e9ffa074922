"""The doors of a running mediator: HTTP for agents, the control socket for commands and for hosts on this machine.

It opens what `mediator.py` owns, compares every pinned server with its pins before anybody is let in, and ends in
order when it is cancelled or the process is told to (SIGTERM, SIGINT).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Final

import anyio

from mediator.adapters.clock_system import SystemClock
from mediator.adapters.tracer_none import NoTracer
from mediator.adapters.tracer_otel.tracer import OtlpTracer, wants_spans
from mediator.assembly.control import serve_control
from mediator.assembly.doors import make_door
from mediator.assembly.folder import Folder
from mediator.assembly.mediator import Mediator, open_mediator
from mediator.assembly.publishing import make_publishing_desk
from mediator.assembly.tls import open_tls
from mediator.assembly.token_desk import TokenDesk
from mediator.edge.approvals import ApprovalPages
from mediator.edge.gate import make_gate
from mediator.edge.http_facts import http_facts
from mediator.edge.oauth import OAuth
from mediator.edge.publishing import Publishing
from mediator.edge.serve import listen, serve_http
from mediator.edge.sessions import Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.mediation.ports import Tracer
from mediator.settings.sections import Settings

_GRACE_SECONDS: Final = 5.0  # for what is being answered to end by itself


async def serve(
    folder: Folder,
    settings: Settings,
    port: int,
    ready: Callable[[Mediator, Mapping[str, str]], None],
    alarm: Callable[[str], None],
) -> None:
    """Serve until cancelled. `ready` is told when agents are let in, and which servers could not be asked, and why.

    Raises `Refused` naming what stops the start.
    """
    tls = None if settings.server.tls is None else open_tls(folder, settings.server.tls, SystemClock().now_ms())
    async with AsyncExitStack() as ending:
        listener = ending.enter_context(listen(settings.server.host, port))
        port = listener.getsockname()[1]
        base_url = settings.server.base_url(port)
        tracer = ending.enter_context(make_tracer(settings, alarm))
        mediator = await ending.enter_async_context(open_mediator(folder, settings, base_url, tracer, alarm))
        door = make_door(mediator)
        facts = http_facts(
            settings.server, settings.limits, port, [settings.issuer_url(issuer, port) for issuer in settings.issuers]
        )
        desk = make_publishing_desk(
            folder,
            settings,
            trust=mediator.trust,
            ledger=mediator.ports.ledger,
            clock=mediator.ports.clock,
            alarm=alarm,
        )
        publishing = Publishing(desk, base_url, door.count)
        oauth: OAuth | None = None
        if settings.local_issuer() is not None:
            has_certificates = settings.server.asks_for_certificates
            oauth = OAuth(TokenDesk(desk=mediator.desk), base_url, door.count, has_certificates=has_certificates)
        sessions = Sessions(time.monotonic, new_outbox=door.new_outbox)
        pages = ApprovalPages(mediator.approvals, door.count)
        app = StreamableHttp(door, sessions, facts, lambda: True, publishing, oauth, pages)
        async with anyio.create_task_group() as doors:
            await doors.start(serve_control, mediator)
            unreachable = await mediator.hold_to_pins()
            await doors.start(
                partial(
                    serve_http,
                    app,
                    listener,
                    make_gate(settings.limits, door, mediator.ports.clock.now_ms),
                    idle_seconds=int(settings.server.connection_idle_seconds),
                    grace_seconds=_GRACE_SECONDS,
                    tls=tls,
                )
            )
            doors.start_soon(mediator.keep_house)
            ready(mediator, unreachable)


async def until_told() -> None:
    """Return when the process is told to end."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            return


@contextmanager
def make_tracer(settings: Settings, report: Callable[[str], None]) -> Iterator[Tracer]:
    """Give the tracer that settings and the standard `OTEL_*` variables ask for."""
    if not settings.telemetry.enabled or not wants_spans(os.environ):
        yield NoTracer()
        return
    with OtlpTracer(report, settings.telemetry.service_name) as tracer:
        yield tracer
