"""`[[decision_point]]`: who else is asked about calls that our own policies allow.

Pure: names and addresses; nothing is asked here. Each that is named for an effect must allow a call of it: OPA by its data API,
or anything that speaks AuthZEN 1.0.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mediator.effect import Effect
from mediator.settings.section import Section
from mediator.settings.values import Reference, Seconds, ToolServerName, Url, expected


class DecisionPointSettings(Section):
    """One decision point."""

    name: ToolServerName
    kind: Literal["opa", "authzen"]
    url: Url  # of OPA `.../v1/data/<package>/<rule>`; of AuthZEN `.../access/v1/evaluation`
    effects: Annotated[tuple[Annotated[Effect, Field(strict=False)], ...], Field(strict=False, min_length=1)] = tuple(
        effect for effect in Effect if effect.is_privileged
    )
    arguments: bool = False  # whether it is told the call's arguments, or their names alone
    credential: Reference | None = None  # a reference to a bearer token
    seconds: Seconds = 2  # a call waits so long for it, and is denied then

    @model_validator(mode="after")
    def _has_a_path(self) -> Self:
        if "/" not in self.url.split("://", 1)[1]:
            raise expected("the whole `url` that is posted to, with its path")
        return self
