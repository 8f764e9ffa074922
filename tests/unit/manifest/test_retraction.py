"""Unit tests of mediator/manifest/retraction.py; what it ends: test_standing.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.identity.statement import Act, Role
from mediator.kind import ItemKind
from mediator.manifest.lock import Retraction, parse_lock
from mediator.manifest.retraction import retract
from mediator.refusal import Reason, Refused
from tests.simulated.people import key_of, operators_of
from tests.simulated.pins import NOW_MS, OPERATORS, approved, manifest_of, signed

SAID = Retraction(
    server="files", server_name="local/files", kind=ItemKind.TOOL, tool="read", manifest_serial=1, note="It leaks."
)


def test_what_is_ended_goes_out_of_the_file_and_is_told() -> None:
    """Ours."""
    lock, ended = retract(
        approved(signed(manifest_of())), SAID, Act.PIN_REVOKE, reviewer=key_of("second"), operators=OPERATORS, at=NOW_MS
    )
    assert [one.approval.tool for one in ended] == ["read"]
    assert len(parse_lock(lock)) == 1


def test_a_server_that_was_never_approved_may_be_turned_down() -> None:
    """Issue 3: a publisher is told why."""
    lock, ended = retract(None, SAID, Act.PIN_REJECT, reviewer=key_of("second"), operators=OPERATORS, at=NOW_MS)
    assert (len(parse_lock(lock)), ended) == (1, ())


@pytest.mark.parametrize("operators", [operators_of(second=Role.OWNER), operators_of(reviewer=Role.OPERATOR)])
def test_only_an_operator_who_may_retracts(operators: object) -> None:
    """Design 2a."""
    with pytest.raises(Refused) as refusal:
        retract(None, SAID, Act.PIN_REVOKE, reviewer=key_of("second"), operators=operators, at=NOW_MS)  # type: ignore[arg-type]
    assert refusal.value.reason is Reason.UNKNOWN_KEY
