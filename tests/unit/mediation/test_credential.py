"""Credentials for tool servers: made under a permit, for that permit's server.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.evidence import Seal, Secret
from mediator.mediation.credential import ToolCredential, credential_for
from tests.promises import promise
from tests.simulated.permits import a_permit


@promise("P5")
def test_a_credential_is_made_under_a_permit_for_its_server() -> None:
    """Ours."""
    bearer = Secret("the server's own")
    credential = credential_for(a_permit(server="clock"), bearer)
    assert credential.server == "clock"
    assert credential.bearer is bearer
    assert credential.made_for is None
    assert "own" not in repr(credential)
    assert credential_for(a_permit(), bearer, made_for="g-1").made_for == "g-1"


def test_a_server_that_wants_none_is_shown_none() -> None:
    """Ours."""
    assert credential_for(a_permit(), None).bearer is None


@promise("P5")
def test_a_credential_is_made_nowhere_else() -> None:
    """House style: evidence. An agent's secret does not become one by being at hand."""
    with pytest.raises(TypeError):
        ToolCredential(server="clock", bearer=Secret("an agent's"), made_for=None, seal=Seal("mine"))
