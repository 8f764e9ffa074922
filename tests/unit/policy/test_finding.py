"""Tests of how a fault of a policy set is told.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.policy.finding import PolicyFinding, PolicySetInvalid, Severity


def finding(**changes: str) -> PolicyFinding:
    words = {"file": "a.cedar", "policy_id": "p", "message": "the thing is wrong", "remedy": "mend it"} | changes
    return PolicyFinding(line=3, severity=Severity(words.pop("severity", "error")), **words)


def test_a_finding_says_where_which_and_what() -> None:
    """Ours (bad input: a clear error that names what, where and the next step)."""
    assert str(finding()) == "a.cedar:3: `p`: the thing is wrong"
    assert str(finding(policy_id="")) == "a.cedar:3: the thing is wrong"


def test_an_invalid_set_carries_all_findings_and_tells_the_errors() -> None:
    """Ours: warnings are kept for the reader, and do not stand in the message."""
    found = [finding(severity="warning"), finding(message="one"), finding(message="two")]
    error = PolicySetInvalid(found)
    assert error.findings == found
    assert str(error) == "a.cedar:3: `p`: one; a.cedar:3: `p`: two"
