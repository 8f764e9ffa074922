"""Findings: how loud each is, and that their codes are fit to be acknowledged by name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re

from mediator.kind import ItemKind
from mediator.manifest.lint.finding import Finding, FindingCode, LintItem, Severity, instructions_of

WARNINGS = {
    "shares-name",
    "addresses-model",
    "names-other-tool",
    "mentions-secrets",
    "encoded-blob",
    "presses",
    "quotes-orders",
}


def test_what_poison_looks_like_is_an_alarm_and_the_rest_a_warning() -> None:
    """Ours: an alarm has to be acknowledged by its code, a warning is shown."""
    assert {str(code) for code in FindingCode if code.severity is Severity.WARN} == WARNINGS


def test_every_code_can_be_typed_at_a_command() -> None:
    """Ours."""
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", code) for code in FindingCode)


def test_a_finding_is_as_loud_as_its_code() -> None:
    """Ours."""
    finding = Finding(
        code=FindingCode.HIDDEN_TEXT,
        server="s",
        kind=ItemKind.TOOL,
        name="t",
        pointer="/description",
        excerpt="",
        detail="",
    )
    assert finding.severity is Severity.ALARM


def test_a_servers_instructions_are_something_to_read() -> None:
    """Ours: they go to the model before any tool does."""
    assert instructions_of("s", "text") == LintItem(server="s", kind=None, name="", definition={"instructions": "text"})
