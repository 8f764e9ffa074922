"""Approvals: what is written of one is read back whole, or not at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.canonical import canonical_bytes, parse_object
from mediator.mediation.approval import (
    Approval,
    Approver,
    Denial,
    approval_claimed,
    approval_form,
    claim_key,
    parse_approval,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise

APPROVER = Approver(who="bob", keyid="k", roles=frozenset({"owner", "operator"}), at_ms=5, statement="sha256:s")
OPEN = Approval(id="approval-1", grant="g-1", request_hash="sha256:h", expires_ms=9)
APPROVED = replace(OPEN, approvers=(APPROVER, replace(APPROVER, who="eve", keyid="l")))
DENIED = replace(APPROVED, denial=Denial(who="eve", at_ms=6, reason="", statement="sha256:t"))


@promise("P8")
@pytest.mark.parametrize("approval", [OPEN, APPROVED, DENIED])
def test_what_is_kept_is_read_back_the_same(approval: Approval) -> None:
    """Ours: store and record are made of this."""
    assert parse_approval(parse_object(canonical_bytes(approval_form(approval)))) == approval


BROKEN: dict[str, Any] = {
    "no object": lambda _form: "approval-1",
    "a member more": lambda form: {**form, "more": 1},
    "no hash": lambda form: {name: value for name, value in form.items() if name != "request_hash"},
    "a time that is none": lambda form: {**form, "expires": "soon"},
    "approvers that are none": lambda form: {**form, "approvers": ["bob"]},
    "an approver with more": lambda form: {**form, "approvers": [{**form["approvers"][0], "more": 1}]},
    "a role that is none": lambda form: {**form, "approvers": [{**form["approvers"][0], "roles": [1]}]},
    "a denial that is none": lambda form: {**form, "denial": "no"},
    "a denial with more": lambda form: {**form, "denial": {**form["denial"], "more": 1}},
}


@promise("P7")
@pytest.mark.parametrize("case", BROKEN)
def test_what_was_not_written_like_that_is_refused(case: str) -> None:
    """Ours: an approval that is half-read approves nothing."""
    with pytest.raises(Refused) as stop:
        parse_approval(BROKEN[case](approval_form(DENIED)))
    assert stop.value.reason is Reason.MALFORMED


def test_a_call_takes_an_approval_by_its_id() -> None:
    """Ours: among whatever else it takes."""
    assert approval_claimed(["calls:g-1", claim_key("approval-1")]) == "approval-1"
    assert approval_claimed(["calls:g-1"]) is None
