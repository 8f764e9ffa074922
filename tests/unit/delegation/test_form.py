"""Forms of the token endpoint: one reading, or none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.delegation.form import PARAMETERS_MAX, TOKEN_BYTES_MAX, parse_form
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason
from tests.promises import promise

NAMES = st.text(min_size=1).filter(lambda name: name not in {"resource", "audience"})


def test_values_are_read_as_they_were_meant() -> None:
    """RFC 6749 appendix B."""
    form = parse_form(b"scope=a+b%20c&details=%7B%22%C3%A9%22%3A1%7D&a%5Fb=1=2")
    assert form.values == {"scope": ("a b c",), "details": ('{"é":1}',), "a_b": ("1=2",)}
    assert (form.find("scope"), form.find("no")) == ("a b c", None)
    assert form.require("a_b") == "1=2"


@given(st.dictionaries(NAMES, st.text(min_size=1), max_size=PARAMETERS_MAX))
def test_what_a_library_writes_is_read_back(values: dict[str, str]) -> None:
    """Ours: `urllib.parse.urlencode`, which clients in Python use."""
    assert parse_form(urlencode(values).encode()).values == {name: (value,) for name, value in values.items()}


def test_only_resource_and_audience_may_repeat() -> None:
    """RFC 8707 §2, RFC 8693 §2.1; RFC 6749 §3.2 for all others."""
    form = parse_form(b"resource=a&audience=b&resource=c&resource=")
    assert (form.find_all("resource"), form.find_all("audience"), form.find_all("no")) == (("a", "c"), ("b",), ())


def test_what_has_no_value_was_left_out_and_that_is_remembered() -> None:
    """RFC 6749 §3.2."""
    form = parse_form(b"scope=&client_id&x=1")
    assert form.values == {"x": ("1",)}
    assert form.emptied == {"scope", "client_id"}
    assert parse_form(b"").values == {}


@promise("P7")
@pytest.mark.parametrize(
    "body",
    [
        b"scope=a&scope=a",
        b"scope=&scope=a",
        b"scope=a&scope=",
        b"scope&scope",
        b"unknown=1&unknown=2",
        b"sc%6Fpe=a&scope=b",
        b"&",
        b"a=1&",
        b"&&a=1",
        b"=1",
        b"a=1\r\n",
        b"a=b c",
        b"a=\xc3\xa9",
        b"a=\x00",
        b"a=%",
        b"a=%4",
        b"a=%zz",
        b"a=%C3",
        b"%ff=1",
        b"a=%ed%a0%80",  # a lone surrogate
        b'{"grant_type":"client_credentials"}\n',
        b"&".join(b"p%d=1" % number for number in range(PARAMETERS_MAX + 1)),
    ],
)
def test_any_other_body_is_an_invalid_request(body: bytes) -> None:
    """RFC 6749 §5.2; ours: what two readers could read in two ways is read by none."""
    with pytest.raises(TokenRefused) as stop:
        parse_form(body)
    assert (stop.value.error, stop.value.reason) == (OAuthError.INVALID_REQUEST, Reason.MALFORMED)


def test_so_many_parameters_are_read() -> None:
    """Ours."""
    assert len(parse_form(b"&".join(b"p%d=1" % number for number in range(PARAMETERS_MAX))).values) == PARAMETERS_MAX


@promise("P7")
@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    """House style 4: nothing else escapes, whatever the bytes."""
    try:
        form = parse_form(body)
    except TokenRefused:
        return
    assert all(value for values in form.values.values() for value in values)


@promise("P7")
def test_what_is_missing_is_named() -> None:
    """RFC 6749 §5.2."""
    for required in (parse_form(b"token=").require, parse_form(b"").require_token):
        with pytest.raises(TokenRefused, match="`token` is missing"):
            required("token")


@promise("P7")
def test_a_token_has_its_length() -> None:
    """Ours: no token that we read is longer; characters are counted as bytes."""
    form = parse_form(b"token=" + b"x" * TOKEN_BYTES_MAX)
    assert form.require_token("token").reveal() == "x" * TOKEN_BYTES_MAX
    assert form.find_token("other") is None
    for long in (b"x" * (TOKEN_BYTES_MAX + 1), b"%C3%A9" * (TOKEN_BYTES_MAX // 2 + 1)):
        with pytest.raises(TokenRefused) as stop:
            parse_form(b"token=" + long).find_token("token")
        assert (stop.value.error, stop.value.reason) == (OAuthError.INVALID_REQUEST, Reason.BODY_TOO_LARGE)


def test_a_form_prints_no_value() -> None:
    """House style 8: tokens are among them."""
    assert "swordfish" not in repr(parse_form(b"subject_token=swordfish"))
