"""Unit tests of mediator/mediation/resumption.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.canonical import digest_of
from mediator.kind import ItemKind
from mediator.mediation.resumption import Resumption, recall_resumption, refuse_if_another, resumption_form
from mediator.refusal import Reason, Refused
from mediator.wire.methods import AskMethod
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import a_call, a_tool

CALL = a_call(has_state=True)
RESUMES = Resumption(
    decision_id="d1",
    method="tools/call",
    server="clock",
    kind=ItemKind.TOOL,
    name="now",
    arguments=CALL.arguments_digest,
    expires_ms=NOW_MS + 1,
    state="s",
)


def test_the_call_that_was_asked_back_about_goes_on() -> None:
    """Issue 4: a handle is bound to the request."""
    refuse_if_another(CALL, a_tool(), RESUMES, NOW_MS)
    refuse_if_another(a_call(), a_tool(), None, NOW_MS)


@promise("P1")
@pytest.mark.parametrize(
    "changed",
    [
        {"method": "prompts/get"},
        {"server": "mail"},
        {"kind": ItemKind.PROMPT},
        {"name": "then"},
        {"arguments": digest_of("other")},
        {"expires_ms": NOW_MS},
    ],
)
def test_a_handle_of_another_request_or_time_is_refused(changed: Any) -> None:
    """Issue 4: arguments equal, in time; the agent is told what to do."""
    with pytest.raises(Refused) as stop:
        refuse_if_another(CALL, a_tool(), replace(RESUMES, **changed), NOW_MS)
    assert (stop.value.reason, stop.value.code) == (Reason.MALFORMED, -32602)
    assert "anew" in (stop.value.sentence or "")


def test_a_handle_that_does_not_open_is_refused() -> None:
    """MCP 2026-07-28, MRTR: a server treats the state as an attacker's."""
    with pytest.raises(Refused) as stop:
        refuse_if_another(CALL, a_tool(), None, NOW_MS)
    assert stop.value.code == -32602


@promise("P8")
def test_it_comes_back_from_a_record_without_a_servers_state_or_words() -> None:
    """Design 4: replay; a server's state may hold anything, and so may a key."""
    resumes = replace(RESUMES, asked={"a": AskMethod.ELICIT})
    form = resumption_form(resumes)
    assert form is not None
    assert form == resumption_form(replace(resumes, state=None, asked={}))
    assert recall_resumption(form, {"a": "elicitation/create"}) == replace(resumes, state=None)
    assert recall_resumption(resumption_form(None), {}) is None
    with pytest.raises(Refused):
        recall_resumption({**form, "kind": "x"}, {})
