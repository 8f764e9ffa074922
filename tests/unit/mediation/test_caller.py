"""Unit tests of mediator/mediation/caller.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.inspection.asking import release_ask
from mediator.inspection.result import Ask
from mediator.mediation.caller import DEAF
from mediator.mediation.message import updated_message
from mediator.wire.methods import AskMethod


async def test_who_hears_nothing_is_told_nothing_and_does_not_answer() -> None:
    """Ours."""
    assert not DEAF.can_be_asked
    await DEAF.tell(updated_message("test://a"))
    assert await DEAF.ask(release_ask(Ask(method=AskMethod.ROOTS, params={}, size_bytes=2))) is None
