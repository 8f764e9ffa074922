"""What is wrong with a set of policies, told so that its author can mend it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import final


@unique
class Severity(StrEnum):
    """An error keeps the set from being put in force; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFinding:
    """One thing that is wrong: where (`line` 0: the file as a whole), with which policy, what, and what to do."""

    file: str
    line: int
    policy_id: str
    message: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        name = f" `{self.policy_id}`:" if self.policy_id else ""
        return f"{self.file}:{self.line}:{name} {self.message}"


class PolicySetInvalid(Exception):  # noqa: N818 - the house's word for it, beside `Refused`
    """A set of policies that cannot be put in force, with everything that was found."""

    def __init__(self, findings: Iterable[PolicyFinding]) -> None:
        self.findings = list(findings)
        super().__init__("; ".join(str(f) for f in self.findings if f.severity is Severity.ERROR))
