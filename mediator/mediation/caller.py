"""The agent's end of a call where nobody can be told or asked anything beside the answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, final

from mediator.inspection.asking import ReleasedAsk
from mediator.mediation.message import Message
from mediator.wire.jsonrpc import Response


@final
class DeafCaller:
    """Hears nothing but its answer."""

    @property
    def can_be_asked(self) -> bool:
        """Never."""
        return False

    async def tell(self, message: Message) -> None:
        """Drop it."""

    async def pause(self) -> None:
        """It has nothing to come back for."""

    async def ask(self, ask: ReleasedAsk) -> Response | None:  # noqa: ARG002 - nobody is there
        """Nobody answers."""
        return None


DEAF: Final = DeafCaller()
