"""Unit tests of mediator/wire/header_value.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value as sdk_decode
from mcp.shared.inbound import encode_header_value as sdk_encode

from mediator.wire.header_value import decode_header_value


@pytest.mark.parametrize("value", ["", "clock__now", "a b", "=?base64?=", "=?BASE64?YQ==?=", "=?base64?YQ==", "YQ=="])
def test_what_is_not_wrapped_is_itself(value: str) -> None:
    """MCP 2026-07-28, Request Metadata: the markers are case-sensitive, and both are there."""
    assert decode_header_value(value) == value


def test_what_is_wrapped_is_decoded() -> None:
    """MCP 2026-07-28, Request Metadata."""
    assert decode_header_value("=?base64?w6Q=?=") == "ä"
    assert decode_header_value("=?base64??=") == ""


@pytest.mark.parametrize(
    "payload", ["w6R=", "w6Q", "w6Q= ", "/w==", "!", "ä"], ids=["bits", "unpadded", "space", "utf-8", "no", "ascii"]
)
def test_a_wrapping_that_does_not_decode_canonically_is_nothing(payload: str) -> None:
    """Ours: two spellings of one value are two readings; nothing equals nothing."""
    assert decode_header_value(f"=?base64?{payload}?=") is None


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_the_sdk_writes_is_read_back(text: str) -> None:
    """The SDK as oracle."""
    assert decode_header_value(sdk_encode(text)) == text


@given(
    st.one_of(
        st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255)),
        st.text(alphabet="=?base64Yz+/").map(lambda text: f"=?base64?{text}?="),
    )
)
def test_every_value_reads_as_the_sdk_reads_it(value: str) -> None:
    """The SDK as oracle, over whatever a header can hold."""
    assert decode_header_value(value) == sdk_decode(value)
