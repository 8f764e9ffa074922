"""Unit tests of mediator/wire/methods.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import mcp_types
from mcp_types import version
from mcp_types.methods import CLIENT_REQUESTS

from mediator.wire import envelope
from mediator.wire.methods import LEGACY_VERSIONS, MCP_TASK_METHODS, MODERN_VERSIONS, NOTIFICATIONS, REQUESTS, Era


def test_our_versions_are_those_of_the_protocol() -> None:
    """The protocol's own tables as oracle; read here so that a start does not pay for importing them."""
    assert version.HANDSHAKE_PROTOCOL_VERSIONS == LEGACY_VERSIONS
    assert version.MODERN_PROTOCOL_VERSIONS == MODERN_VERSIONS


def test_every_method_that_we_serve_exists_in_its_era() -> None:
    """The protocol's own tables as oracle; the SDK's have no extensions."""
    for era, method in REQUESTS:
        if method in set(MCP_TASK_METHODS):
            assert era is Era.MODERN
            continue
        for spoken in LEGACY_VERSIONS if era is Era.LEGACY else MODERN_VERSIONS:
            assert (method, spoken) in CLIENT_REQUESTS


def test_what_is_not_served_here_is_not_in_the_table() -> None:
    """Issue 4: every method of the protocol's tables, and none beside."""
    for spoken_there, era in ((LEGACY_VERSIONS[-1], Era.LEGACY), (MODERN_VERSIONS[-1], Era.MODERN)):
        known = {method for method, spoken in CLIENT_REQUESTS if spoken == spoken_there}
        extended = {str(method) for method in MCP_TASK_METHODS} if era is Era.MODERN else set()
        assert {method for served, method in REQUESTS if served is era} == known | extended
    assert {method for _, method in NOTIFICATIONS} == {"notifications/initialized", "notifications/cancelled"}


def test_our_codes_and_keys_are_those_of_the_protocol() -> None:
    """The protocol's own tables as oracle."""
    assert envelope.VERSION_KEY == mcp_types.PROTOCOL_VERSION_META_KEY
    assert envelope.CAPABILITIES_KEY == mcp_types.CLIENT_CAPABILITIES_META_KEY
    assert envelope.CLIENT_INFO_KEY == mcp_types.CLIENT_INFO_META_KEY
    assert envelope.LOG_LEVEL_KEY == mcp_types.LOG_LEVEL_META_KEY
    assert envelope.HEADER_MISMATCH == mcp_types.HEADER_MISMATCH
    assert envelope.UNSUPPORTED_VERSION == mcp_types.UNSUPPORTED_PROTOCOL_VERSION
