"""Ids: fresh for each arrival, in the forms of W3C Trace Context.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import astuple

from mediator.adapters.ids_random import RandomIds


def test_ids_have_the_forms_that_traces_want() -> None:
    """W3C Trace Context §3.2.2: 32 and 16 lower-case hexadecimal digits."""
    ids = RandomIds().draw()
    assert re.fullmatch("[0-9a-f]{32}", ids.decision_id)
    assert re.fullmatch("[0-9a-f]{32}", ids.trace_id)
    assert all(re.fullmatch("[0-9a-f]{16}", span) for span in (ids.server_span, ids.decision_span, ids.client_span))


def test_no_id_is_drawn_twice() -> None:
    """Ours: one decision, one id; no part of the randomness is used for two."""
    source = RandomIds()
    drawn = [part for _ in range(100) for part in astuple(source.draw())]
    assert len(set(drawn)) == len(drawn)
