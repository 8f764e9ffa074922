"""Unit tests of mediator/edge/http_facts.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.edge.asgi import BodyLimits
from mediator.edge.http_facts import http_facts
from mediator.settings.sections import LimitSettings, ServerSettings


def test_the_defaults_are_those_of_the_design() -> None:
    """Design 5.2 and 5.7."""
    facts = http_facts(ServerSettings(port=0), LimitSettings(), 4711, ["https://issuer.example"])

    assert facts.base_url == "http://127.0.0.1:4711"
    assert facts.hosts == {"127.0.0.1:4711", "localhost:4711", "[::1]:4711"}
    assert facts.origins == {f"http://{host}" for host in facts.hosts}
    assert facts.issuers == ("https://issuer.example",)
    assert facts.body == BodyLimits(bytes_max=4 * 1024 * 1024, first_byte_seconds=10, seconds=30)
    assert (facts.sse_after_seconds, facts.sse_keep_alive_seconds) == (1, 15)


def test_names_have_no_case() -> None:
    """RFC 3986 §3.2.2: operators write them as they like."""
    facts = http_facts(ServerSettings(allowed_hosts=("Mediator.Example",)), LimitSettings(), 8080, [])

    assert "mediator.example" in facts.hosts
