"""How the tests of the rules ask what a text says: the alarms, and the warnings, of one tool's description.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.kind import ItemKind
from mediator.manifest.lint.finding import LintItem, Neighbour, Severity
from mediator.manifest.lint.lint import lint

ELSEWHERE = (Neighbour(server="bank", name="transfer_funds"), Neighbour(server="bank", name="pay"))


def _said(text: str, name: str, severity: Severity) -> set[str]:
    item = LintItem(
        server="s", kind=ItemKind.TOOL, name=name, definition={"name": name, "description": f"Adds numbers. {text}"}
    )
    return {str(finding.code) for finding in lint([item], ELSEWHERE) if finding.severity is severity}


def alarms(text: str, name: str = "add") -> set[str]:
    return _said(text, name, Severity.ALARM)


def warnings(text: str, name: str = "add") -> set[str]:
    return _said(text, name, Severity.WARN)
