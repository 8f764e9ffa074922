"""Unit tests of mediator/mediation/handles.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import canonical_bytes, parse_object
from mediator.kind import ItemKind
from mediator.mediation.handles import (
    handle_content,
    mcp_task_handle_content,
    read_handle,
    read_mcp_task_handle,
    resumption_of,
)
from mediator.mediation.permit import enforce
from mediator.wire.methods import AskMethod
from tests.simulated.grants import a_grant
from tests.simulated.judged import allowed, on_record

ASKED = {"a": AskMethod.ELICIT, "b": AskMethod.ROOTS}


def test_what_a_handle_holds_comes_back() -> None:
    """Issue 4: of which decision, item and arguments, until when; and the server's own state, or a place."""
    permit = enforce(on_record(allowed()))
    for state, waiting in (("s", None), (None, "w")):
        resumes = resumption_of(permit, 99, ASKED, state=state, waiting=waiting)
        assert (resumes.decision_id, resumes.server, resumes.kind) == (permit.decision_id, "clock", ItemKind.TOOL)
        assert read_handle(handle_content(resumes)) == resumes


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}"])
def test_what_is_no_handle_says_nothing(content: bytes | None) -> None:
    """Ours."""
    assert read_handle(content) is None
    assert read_mcp_task_handle(content) is None


def test_a_handle_with_a_member_of_another_form_is_none() -> None:
    """Ours."""
    permit = enforce(on_record(allowed()))
    form = parse_object(handle_content(resumption_of(permit, 99, ASKED, state=None, waiting=None)))
    for name in form:
        assert read_handle(canonical_bytes({**form, name: []})) is None
    assert read_handle(canonical_bytes({**form, "k": "x"})) is None


def test_the_handle_of_an_mcp_task_holds_its_call_as_long_as_its_grant() -> None:
    """Issue 4: of which decision, item and arguments, until when; and the server's own id."""
    permit = enforce(on_record(allowed()))
    opened = read_mcp_task_handle(mcp_task_handle_content(permit, "their-id"))
    assert opened is not None
    resumes, arguments = opened
    call = permit.committed.deliberation.call
    assert arguments == call.arguments
    assert (resumes.decision_id, resumes.method, resumes.server, resumes.name, resumes.kind) == (
        permit.decision_id,
        "tools/call",
        "clock",
        "now",
        ItemKind.TOOL,
    )
    assert (resumes.arguments, resumes.mcp_task_id, resumes.expires_ms) == (
        call.arguments_digest,
        "their-id",
        a_grant().expires_ms,
    )


def test_neither_kind_of_handle_opens_as_the_other() -> None:
    """Ours: a state is shown with a call, an id with what is asked of an mcp task."""
    permit = enforce(on_record(allowed()))
    task = mcp_task_handle_content(permit, "their-id")
    assert read_handle(task) is None
    assert read_mcp_task_handle(handle_content(resumption_of(permit, 99, ASKED, state="s", waiting=None))) is None
    form = parse_object(task)
    for name in form:
        assert read_mcp_task_handle(canonical_bytes({**form, name: None})) is None
