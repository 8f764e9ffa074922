"""The one table of names: the conventions' own are spelt as there, and ours stand under our prefix.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re

from opentelemetry.semconv._incubating.attributes import error_attributes, gen_ai_attributes, mcp_attributes
from opentelemetry.semconv.attributes import client_attributes, network_attributes

from mediator.adapters.tracer_otel import names

ALL = {name: value for name, value in vars(names).items() if name.isupper()}


def test_the_conventions_names_are_spelt_as_there() -> None:
    """OpenTelemetry, MCP and GenAI conventions (status Development): names kept though they moved."""
    assert names.MCP_METHOD == mcp_attributes.MCP_METHOD_NAME
    assert names.MCP_PROTOCOL_VERSION == mcp_attributes.MCP_PROTOCOL_VERSION
    assert names.GEN_AI_TOOL == gen_ai_attributes.GEN_AI_TOOL_NAME
    assert names.GEN_AI_OPERATION == gen_ai_attributes.GEN_AI_OPERATION_NAME
    assert names.ERROR_TYPE == error_attributes.ERROR_TYPE
    assert names.NETWORK_TRANSPORT == network_attributes.NETWORK_TRANSPORT
    assert names.NETWORK_PROTOCOL == network_attributes.NETWORK_PROTOCOL_NAME
    assert names.CLIENT_ADDRESS == client_attributes.CLIENT_ADDRESS


def test_no_name_stands_twice() -> None:
    """Ours: two things under one name are one lost."""
    dotted = [value for value in ALL.values() if isinstance(value, str) and "." in value]
    assert len(set(dotted)) == len(dotted)


def test_our_names_are_attributes_under_our_prefix() -> None:
    """OpenTelemetry, attribute naming: lower case, dots and underscores."""
    ours = [value for value in ALL.values() if isinstance(value, str) and value.startswith("mediator.")]
    assert len(ours) > 20
    assert all(re.fullmatch(r"mediator(\.[a-z]+(_[a-z]+)*)+", value) for value in ours)
