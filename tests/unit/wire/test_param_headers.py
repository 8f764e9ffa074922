"""Unit tests of mediator/wire/param_headers.py; the SDK's own check is the oracle of ours.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import find_invalid_x_mcp_header, validate_mcp_param_headers, x_mcp_header_map

from mediator.canonical import Json, JsonObject
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.call import Call
from mediator.wire.param_headers import ParamHeader, check_param_headers, declared_headers
from mediator.wire.reading import read
from tests.promises import promise
from tests.simulated.arrivals import SESSION, enveloped, header_value, message, modern_headers, over_http, over_stdio

SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        "where": {"type": "object", "properties": {"zone": {"type": "string", "x-mcp-header": "Zone"}}},
        "free": {"type": "string"},
    },
}
Headers = tuple[tuple[str, str], ...]


def call_of(arrival: Arrival) -> Call:
    call = read(arrival)
    assert isinstance(call, Call)
    return call


def modern_call(arguments: JsonObject, headers: Headers) -> Call:
    body = enveloped("tools/call", {"name": "a", "arguments": arguments})
    return call_of(over_http(body, (*modern_headers(body), *headers)))


def agree(schema: JsonObject, arguments: JsonObject, headers: Headers) -> bool:
    try:
        check_param_headers(declared_headers(schema), modern_call(arguments, headers))
    except Refused as stop:
        assert (stop.reason, stop.code) == (Reason.HEADER_MISMATCH, -32020)
        return False
    return True


def test_a_schema_declares_headers_on_chains_of_properties() -> None:
    """MCP 2026-07-28, Custom Headers from Tool Parameters."""
    assert set(declared_headers(SCHEMA)) == {
        ParamHeader(name="region", path=("region",), kind="string"),
        ParamHeader(name="count", path=("count",), kind="integer"),
        ParamHeader(name="dry", path=("dry",), kind="boolean"),
        ParamHeader(name="zone", path=("where", "zone"), kind="string"),
    }


@pytest.mark.parametrize(
    "invalid",
    [
        {"x-mcp-header": "Root", "type": "string"},
        {"properties": {"a": {"type": "string", "x-mcp-header": 7}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "a b"}}},
        {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
        {"properties": {"a": {"type": ["string"], "x-mcp-header": "A"}}},
        {"properties": {"a": {"x-mcp-header": "A"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "A"}, "b": {"type": "string", "x-mcp-header": "a"}}},
        {"properties": {"a": {"items": {"type": "string", "x-mcp-header": "A"}}}},
        {"anyOf": [{"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}]},
        {"$defs": {"d": {"type": "string", "x-mcp-header": "A"}}},
    ],
)
def test_a_schema_with_an_invalid_declaration_declares_nothing(invalid: JsonObject) -> None:
    """The SDK as oracle: a conforming client drops such a tool and sends no headers for it."""
    assert find_invalid_x_mcp_header(invalid) is not None
    assert declared_headers(invalid) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"x-mcp-header": {"type": "string"}}},
        {"default": {"x-mcp-header": "A"}},
        {"properties": [], "anyOf": {}, "$defs": [], "items": True},
        {"enum": [{"x-mcp-header": "A"}], "properties": {"a": True}},
    ],
)
def test_what_only_looks_like_a_declaration_is_none(schema: JsonObject) -> None:
    """The SDK as oracle: values of an instance are no schemas."""
    assert find_invalid_x_mcp_header(schema) is None
    assert declared_headers(schema) == ()


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({}, ()),
        ({"free": "x"}, (("mcp-param-free", "y"),)),
        ({"region": "eu"}, (("mcp-param-region", "eu"),)),
        ({"region": "zürich"}, (("mcp-param-region", header_value("zürich")),)),
        ({"count": 42}, (("mcp-param-count", "42"),)),
        ({"count": 42.0}, (("mcp-param-count", "42.0"),)),
        ({"dry": True}, (("mcp-param-dry", "true"),)),
        ({"dry": False}, (("mcp-param-dry", "false"),)),
        ({"where": {"zone": "a"}}, (("mcp-param-zone", "a"),)),
        ({"region": None, "where": "x"}, ()),
        ({"region": ["eu"]}, ()),
        ({"region": 1.5}, (("mcp-param-region", "1.5"),)),
    ],
)
def test_headers_that_repeat_the_arguments_pass(arguments: JsonObject, headers: Headers) -> None:
    """MCP 2026-07-28, Custom Headers from Tool Parameters; what no schema declares is believed by nobody."""
    assert agree(SCHEMA, arguments, headers)


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"region": "eu"}, ()),
        ({}, (("mcp-param-region", "eu"),)),
        ({"region": None}, (("mcp-param-region", "null"),)),
        ({"region": "eu"}, (("mcp-param-region", "us"),)),
        ({"region": "eu"}, (("mcp-param-region", "EU"),)),
        ({"region": "eu"}, (("mcp-param-region", "eu"), ("mcp-param-region", "eu"))),
        ({"region": "eu"}, (("mcp-param-region", "us"), ("mcp-param-region", "eu"))),
        ({"region": "=?base64?!?="}, (("mcp-param-region", "=?base64?!?="),)),
        ({"region": ["eu"]}, (("mcp-param-region", "eu"),)),
        ({"count": 42}, (("mcp-param-count", "43"),)),
        ({"count": 42}, (("mcp-param-count", "4.2e1"),)),
        ({"count": True}, (("mcp-param-count", "1"),)),
        ({"dry": True}, (("mcp-param-dry", "True"),)),
        ({"where": {"zone": "a"}}, (("mcp-param-zone", "b"),)),
    ],
)
@promise("P7")
def test_headers_that_say_something_else_are_refused(arguments: JsonObject, headers: Headers) -> None:
    """MCP 2026-07-28, Custom Headers from Tool Parameters: missing, different, or there without its argument."""
    assert not agree(SCHEMA, arguments, headers)


def test_where_no_headers_exist_nothing_is_compared() -> None:
    """Over stdio there are none, and the legacy era knows none."""
    declared = declared_headers(SCHEMA)
    legacy = over_http(message("tools/call", {"name": "a", "arguments": {"region": "eu"}}), session=SESSION)
    stdio = over_stdio(enveloped("tools/call", {"name": "a", "arguments": {"region": "eu"}}))

    for arrival in (legacy, stdio):
        check_param_headers(declared, call_of(arrival))


VALUES: Final[st.SearchStrategy[Json]] = st.sampled_from(["eu", "ü", "", " a", 7, -7, 7.5, True, False, None, [], {}])


@given(
    arguments=st.dictionaries(st.sampled_from(["region", "count", "dry"]), VALUES),
    texts=st.lists(
        st.tuples(
            st.sampled_from(["mcp-param-region", "mcp-param-count", "mcp-param-dry", "mcp-param-more"]),
            st.sampled_from(["eu", "7", "7.0", "-7", "7.5", "true", "false", "", "=?base64?w7w=?=", "=?base64?w7w?="]),
        ),
        max_size=4,
        unique_by=lambda header: header[0],
    ),
)
def test_our_check_says_what_the_sdks_check_says(arguments: JsonObject, texts: list[tuple[str, str]]) -> None:
    """The SDK as oracle."""
    rejection = validate_mcp_param_headers(SCHEMA, arguments, dict(texts))

    assert agree(SCHEMA, arguments, tuple(texts)) is (rejection is None)


NAMES = st.sampled_from(["a", "b", "properties", "x-mcp-header"])
SCHEMAS: Final[st.SearchStrategy[Json]] = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "object", 7]),
            "x-mcp-header": st.sampled_from(["A", "B", "a", "", 7]),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.one_of(st.dictionaries(NAMES, inner, max_size=2), inner),
            "items": inner,
            "anyOf": st.one_of(st.lists(inner, max_size=2), inner),
            "$defs": st.dictionaries(NAMES, inner, max_size=2),
            "default": inner,
        },
    ),
    max_leaves=5,
)


@given(SCHEMAS)
def test_our_declarations_are_those_that_the_sdk_finds(schema: Json) -> None:
    """The SDK as oracle."""
    assert isinstance(schema, dict)
    expected = {} if find_invalid_x_mcp_header(schema) is not None else x_mcp_header_map(schema)

    declared = {one.path: one.name for one in declared_headers(schema)}

    assert declared == {path: token.lower() for path, token in expected.items()}
