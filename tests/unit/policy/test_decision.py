"""Tests of what the decision point answers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.policy.decision import Decision, Obligation, Verdict
from mediator.refusal import Reason
from tests.promises import promise


@promise("P7")
def test_an_allow_that_names_no_policy_cannot_be_made() -> None:
    """Ours: silence is never permission."""
    with pytest.raises(ValueError, match="an allow"):
        Decision(verdict=Verdict.ALLOW, determining=(), policy_digest="sha256:x")


def test_an_allow_has_no_reason_to_refuse() -> None:
    """Ours: a decision that says both would be read either way."""
    with pytest.raises(ValueError, match="an allow"):
        Decision(verdict=Verdict.ALLOW, determining=("p",), policy_digest="sha256:x", reason=Reason.POLICY_ERROR)


def test_a_denial_without_a_reason_cannot_be_made() -> None:
    """Ours: every refusal has one of the closed list of reasons."""
    with pytest.raises(ValueError, match="a denial"):
        Decision(verdict=Verdict.DENY, determining=(), policy_digest="sha256:x")


def test_obligations_are_a_closed_list_of_words() -> None:
    """Ours (XACML's rule: a duty that is not understood denies)."""
    assert [str(duty) for duty in Obligation] == ["record-result-digest", "two-approvers"]
