"""Asking a mediator elsewhere: whom it asks, and what it makes of answers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mediator.cli.publishing_client import ask, origin_of
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused


class Elsewhere(BaseHTTPRequestHandler):
    """Answers as its class is told to, and remembers what came."""

    status, body = 200, b'{"state":"pending"}'
    came: tuple[object, ...] = ()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        type(self).came = (self.path, self.headers["authorization"], body)
        self.send_response(self.status)
        self.send_header("location", "http://127.0.0.1:9/")
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST  # noqa: N815 - the name that the library looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, type[Elsewhere]]]:
    handler = type("Handler", (Elsewhere,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "address", ["http://mediator.example.com", "ftp://x", "https://a/b", "mediator", "https://u@a"]
)
def test_an_address_that_is_none_or_in_the_clear_is_refused(address: str) -> None:
    """Design 5.2: plain HTTP to loopback alone."""
    with pytest.raises(Refused) as stop:
        origin_of(address)
    assert stop.value.remedy


def test_an_address_may_end_in_a_slash() -> None:
    """Ours."""
    assert origin_of("http://127.0.0.1:8080/") == "http://127.0.0.1:8080"
    assert origin_of("https://mediator.example.com") == "https://mediator.example.com"


def test_an_answer_is_read_and_a_request_carries_what_it_should(elsewhere: tuple[str, type[Elsewhere]]) -> None:
    """Ours."""
    url, handler = elsewhere
    assert ask(url, "POST", "/manifests", body=b"{}") == (200, {"state": "pending"})
    came = [handler.came]
    ask(url, "GET", "/manifests/a/b", credential=Secret("t"))
    came.append(handler.came)
    assert came == [("/manifests", None, b"{}"), ("/manifests/a/b", "Bearer t", b"")]


@pytest.mark.parametrize(
    ("status", "body", "reason", "remedy"),
    [
        (409, b'{"reason":"NOT_COVERED","detail":"no","next":"raise it"}', Reason.NOT_COVERED, "raise it"),
        (500, b'{"reason":"NONE"}', Reason.TOOL_SERVER_INVALID, None),
        (302, b"{}", Reason.TOOL_SERVER_INVALID, None),
        (200, b"<html>", Reason.TOOL_SERVER_INVALID, "look at the address"),
    ],
)
def test_a_refusal_is_told_with_its_next_step_and_nothing_is_followed(
    elsewhere: tuple[str, type[Elsewhere]], status: int, body: bytes, reason: Reason, remedy: str | None
) -> None:
    """RFC 9457; no redirects."""
    url, handler = elsewhere
    handler.status, handler.body = status, body
    with pytest.raises(Refused) as stop:
        ask(url, "GET", "/manifests/a/b")
    assert (stop.value.reason, stop.value.remedy) == (reason, remedy)


def test_nobody_there_is_told() -> None:
    """Ours."""
    with pytest.raises(Refused, match="does not answer") as stop:
        ask("http://127.0.0.1:1", "GET", "/")
    assert stop.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
