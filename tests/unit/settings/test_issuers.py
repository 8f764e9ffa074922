"""`[[issuer]]`: one kind or the other, and somebody who answers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.refusal import Refused
from mediator.settings.issuers import IssuerSettings
from mediator.settings.parse import parse_settings
from tests.promises import promise

IDP: dict[str, Any] = {"name": "idp", "issuer": "https://idp.example", "keys_url": "https://idp.example/jwks"}
OPENS = IDP | {"owner_claim": "email"}


def parsed(issuer: dict[str, Any]) -> IssuerSettings:
    (one,) = parse_settings({"issuer": [issuer]}).issuers
    return one


def refused(issuer: dict[str, Any]) -> str:
    with pytest.raises(Refused) as stop:
        parsed(issuer)
    return stop.value.detail


def test_an_issuer_publishes_its_keys_or_hands_them_over() -> None:
    """Ours; no token of it opens a task unless somebody answers for it."""
    by_url, opens = (
        parsed(IDP),
        parsed(OPENS | {"class": "ci", "team_claim": "team", "minutes": 5, "token_types": ["jwt"]}),
    )
    assert (by_url.opens_tasks, by_url.max_age_seconds, by_url.token_types) == (False, 3600, ("at+jwt",))
    assert (opens.opens_tasks, opens.agent_claim, opens.agent_class, opens.minutes) == (True, "sub", "ci", 5)
    assert parsed(IDP | {"owner": "alice@example.com"}).opens_tasks
    assert parsed(IDP | {"keys_url": "http://127.0.0.1:9/jwks", "max_age_seconds": 60}).keys_url is not None
    assert parsed({"name": "x", "local": True}).local


@promise("P7", "P9")
@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        (IDP | {"keys_file": "k.json"}, "either `keys_file` or `keys_url`"),
        ({"name": "idp", "keys_url": IDP["keys_url"]}, "either `keys_file` or `keys_url`"),
        (IDP | {"keys_url": "http://idp.example/jwks"}, "`https://`"),
        (IDP | {"keys_url": "file:///etc/passwd"}, "`https://host"),
        ({"name": "x", "issuer": "i", "keys_file": "k", "max_age_seconds": 60}, "only beside `keys_url`"),
        (IDP | {"max_age_seconds": 59}, "max_age_seconds"),
        (IDP | {"agent_claim": "azp"}, "`owner` or `owner_claim` beside `agent_claim`"),
        (IDP | {"class": "ci"}, "`owner` or `owner_claim` beside `class`"),
        (IDP | {"minutes": 5}, "`owner` or `owner_claim` beside `minutes`"),
        (OPENS | {"owner": "alice@example.com"}, "either `owner` or `owner_claim`"),
        (OPENS | {"class": "a", "class_claim": "b"}, "either `class` or `class_claim`"),
        (OPENS | {"team": "", "team_claim": "b"}, "either `team` or `team_claim`"),
        (OPENS | {"owner_claim": "sub"}, "an agent does not answer for itself"),
        (OPENS | {"name": "a:b"}, "the agents of this issuer are called by it"),
        (OPENS | {"agents_claim": "x"}, "unknown key"),
        (OPENS | {"agent_claim": "a b"}, "name of a claim"),
        (OPENS | {"token_types": []}, "token_types"),
        ({"name": "x", "local": True, "owner": "a"}, "`local = true` alone"),
        ({"name": "x", "local": True, "audience": "a"}, "`local = true` alone"),
        ({"name": "x", "local": True, "minutes": 5}, "`local = true` alone"),
    ],
)
def test_whatever_means_nothing_is_refused(issuer: dict[str, Any], said: str) -> None:
    """Ours: an issuer of no keys, with nobody who answers, or of two minds."""
    assert said in refused(issuer)
