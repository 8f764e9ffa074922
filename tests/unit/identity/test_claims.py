"""Claims one by one: there, and in their right form.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import SAFE_INTEGER, Json
from mediator.identity.claims import audience_of, seconds_of, text_of
from mediator.refusal import Reason, Refused
from tests.promises import promise


def test_what_is_there_is_read() -> None:
    """RFC 7519 §2, §4.1.3."""
    assert text_of({"sub": "planner"}, "sub") == "planner"
    assert [seconds_of({"exp": at}, "exp") for at in (0, 7, 7.9, SAFE_INTEGER)] == [0, 7, 7, SAFE_INTEGER]
    assert (audience_of({"aud": "a"}), audience_of({"aud": ["a", "b"]})) == (("a",), ("a", "b"))


@promise("P7")
@pytest.mark.parametrize("value", [None, "", 1, ["planner"]])
def test_no_text_is_refused(value: Json) -> None:
    """Ours: empty is never permission."""
    for claims in ({"sub": value}, {}):
        with pytest.raises(Refused) as stop:
            text_of(claims, "sub")
        assert stop.value.reason is Reason.BAD_CREDENTIAL


@promise("P7")
@pytest.mark.parametrize("value", [None, True, "7", -1, SAFE_INTEGER + 1, 1e300])
def test_no_time_is_refused(value: Json) -> None:
    """RFC 7519 §2."""
    with pytest.raises(Refused) as stop:
        seconds_of({"exp": value}, "exp")
    assert stop.value.reason is Reason.BAD_CREDENTIAL


@promise("P7")
@pytest.mark.parametrize("value", [None, [], [None], ["a", 1], {"a": 1}, 1])
def test_no_audience_is_refused(value: Json) -> None:
    """RFC 7519 §4.1.3; ours: a list of nobody is nobody."""
    with pytest.raises(Refused) as stop:
        audience_of({"aud": value})
    assert stop.value.reason is Reason.BAD_CREDENTIAL
