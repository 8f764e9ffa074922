"""`[[decision_point]]`: whole addresses, privileged effects, and names that are told apart.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mediator.effect import Effect
from mediator.refusal import Reason, Refused
from mediator.settings.decision_points import DecisionPointSettings
from mediator.settings.parse import parse_settings
from tests.promises import promise

GOOD: dict[str, Any] = {"name": "house", "kind": "opa", "url": "https://opa.example.com/v1/data/mediator/allow"}


def test_what_is_not_said_is_the_safe_choice() -> None:
    """Ours: whatever does more than read, names of arguments and no values, two seconds."""
    point = DecisionPointSettings.model_validate(GOOD)
    assert set(point.effects) == {effect for effect in Effect if effect.is_privileged}
    assert (point.arguments, point.credential, point.seconds) == (False, None, 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "https://opa.example.com"},
        {"url": "http://opa.example.com/v1/data/a"},
        {"kind": "xacml"},
        {"effects": []},
        {"effects": ["obliterate"]},
        {"name": "Not Local"},
        {"credential": "s3cret"},
        {"seconds": 0},
        {"more": 1},
    ],
    ids=["no path", "in the clear", "kind", "no effects", "no effect", "name", "a secret", "no time", "unknown key"],
)
def test_what_cannot_be_is_refused(changed: dict[str, Any]) -> None:
    """P7."""
    with pytest.raises(ValidationError):
        DecisionPointSettings.model_validate(GOOD | changed)


@promise("P7")
def test_two_of_one_name_stop_the_start() -> None:
    """Ours: a record names who said what."""
    assert parse_settings({"decision_point": [GOOD]}).decision_points[0].name == "house"
    with pytest.raises(Refused) as stop:
        parse_settings({"decision_point": [GOOD, GOOD | {"kind": "authzen"}]})
    assert stop.value.reason is Reason.MALFORMED
    assert "`house` twice" in stop.value.detail
