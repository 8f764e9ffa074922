"""A pinned JSON Schema, prepared: what arguments must be, what results must be.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from mediator.canonical import Json, JsonObject


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSchema:
    """Validators of one tool's arguments and results."""

    has_output: bool

    def check_arguments(self, arguments: JsonObject) -> None:
        """Raise `Refused(ARGUMENTS_INVALID)`, with a sentence, unless the arguments fit the pinned schema."""
        raise NotImplementedError

    def check_result(self, structured: Json) -> None:
        """Raise `Refused(TOOL_SERVER_INVALID)` unless the structured content fits the pinned output schema."""
        raise NotImplementedError


def prepare(input_schema: JsonObject, output_schema: JsonObject | None, opens: frozenset[str]) -> PreparedSchema:
    """Return the validators; raises `Refused(MALFORMED)` for a schema that cannot be pinned."""
    raise NotImplementedError
