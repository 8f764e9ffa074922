"""Decision points as the settings name them: asked with their secret, which must be there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.assembly.decision_points import make_opinions
from mediator.mediation.opinion import Answer
from mediator.refusal import Reason, Refused
from mediator.settings.decision_points import DecisionPointSettings
from mediator.settings.sections import Settings
from tests.promises import promise
from tests.simulated.decision_point import DecisionPoint
from tests.unit.adapters.test_second_opinions_http import REQUEST


def settings_of(url: str) -> Settings:
    form = {"name": "house", "kind": "authzen", "url": url, "credential": "env:HOUSE", "seconds": 5, "arguments": True}
    return Settings().model_copy(update={"decision_points": (DecisionPointSettings.model_validate(form),)})


async def test_each_is_asked_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: where, how, with which secret, and what it may see."""
    monkeypatch.setenv("HOUSE", "s3cret")
    async with DecisionPoint(lambda asked: asked["context"]["arguments"]["to"] == "a@example.com") as point:
        opinions = make_opinions(settings_of(point.authzen_url), pytest.fail)
        (opinion,) = await opinions.ask(("house",), REQUEST)
    assert opinion.answer is Answer.ALLOW
    assert point.asked[0][1]["authorization"] == "Bearer s3cret"


@promise("P7")
def test_a_secret_that_is_not_there_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """P7."""
    monkeypatch.delenv("HOUSE", raising=False)
    with pytest.raises(Refused) as stop:
        make_opinions(settings_of("https://house.example/access/v1/evaluation"), pytest.fail)
    assert stop.value.reason is Reason.NO_CREDENTIAL
