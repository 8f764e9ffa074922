"""Who acts, as a token says; and which tokens are looked at at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import Json, JsonObject
from mediator.identity.terms import (
    PLAIN,
    Asserted,
    ClaimMapping,
    ClaimOr,
    IssuerTerms,
    asserted_by,
    asserted_form,
    recall_asserted,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise

MAPPING = ClaimMapping(
    name="corp",
    agent_claim="client_id",
    owner=ClaimOr(claim="email"),
    agent_class=ClaimOr(fixed="ci"),
    team=ClaimOr(),
    scope_claim="scope",
)
CLAIMS: JsonObject = {"client_id": "bot", "email": "alice@example.com", "scope": "server:b server:a  server:a"}


def reason_of(**changed: Json) -> Reason:
    with pytest.raises(Refused) as stop:
        asserted_by(CLAIMS | changed, MAPPING)
    return stop.value.reason


@promise("P9")
def test_a_token_says_who_acts_and_who_answers_for_it() -> None:
    """Ours: the agent is named after its issuer, so that it is never one of ours."""
    assert asserted_by(CLAIMS, MAPPING) == Asserted(
        agent="corp:bot", owner="alice@example.com", agent_class="ci", team="", scopes=("server:a", "server:b")
    )
    unsaid = replace(MAPPING, agent_class=ClaimOr())
    assert asserted_by(CLAIMS, unsaid).agent_class == "agent"


@promise("P9")
def test_nobody_answers_for_itself_whatever_the_claims_are_called() -> None:
    """RFC 9068 §2.2: `sub` is the client where nobody delegated; an owner whom the settings name is nobody's claim."""
    assert reason_of(email="bot") is Reason.BAD_CREDENTIAL
    assert asserted_by(CLAIMS, replace(MAPPING, owner=ClaimOr(fixed="bot"))).owner == "bot"


@promise("P7", "P9")
@pytest.mark.parametrize("name", ["client_id", "email"])
@pytest.mark.parametrize("value", [None, "", " ", 1, ["bot"], "a\nb", "x" * 129])
def test_nobody_acts_under_a_name_that_is_none(name: str, value: Json) -> None:
    """Ours: empty is never permission, and a name ends, and stands on one line."""
    assert reason_of(**{name: value}) is Reason.BAD_CREDENTIAL


def test_scopes_are_a_text_or_a_list_of_texts() -> None:
    """RFC 6749 §3.3; some issuers write a list."""
    assert asserted_by(CLAIMS | {"scope": ["x", "a"]}, MAPPING).scopes == ("a", "x")
    assert asserted_by({name: CLAIMS[name] for name in ("client_id", "email")}, MAPPING).scopes == ()
    many: list[Json] = ["a"] * 257
    wrongs: list[Json] = [None, 1, {"a": "b"}, ["a", 1], many]
    for wrong in wrongs:
        assert reason_of(scope=wrong) is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize(
    ("types", "kind", "taken"),
    [
        (("at+jwt",), "at+jwt", True),
        (("at+jwt",), "application/AT+JWT", True),
        (("at+jwt",), "JWT", False),
        (("at+jwt",), None, False),
        (("at+jwt",), 1, False),
        (("jwt",), None, True),
        (("jwt",), "JWT", True),
        (("jwt",), "at+jwt", False),
        (("jwt", "at+jwt"), "dpop+jwt", False),
    ],
)
def test_a_token_is_of_a_type_that_its_issuer_is_known_for(types: tuple[str, ...], kind: Json, taken: bool) -> None:
    """RFC 8725 §3.11."""
    assert IssuerTerms(types=types).takes(kind) is taken


def test_what_was_asserted_is_read_back_from_a_record() -> None:
    """P8: and nothing else is."""
    asserted = asserted_by(CLAIMS, MAPPING)
    assert recall_asserted(asserted_form(asserted)) == asserted
    for form in (None, {}, asserted_form(asserted) | {"more": 1}):
        with pytest.raises(Refused) as stop:
            recall_asserted(form)
        assert stop.value.reason is Reason.MALFORMED


def test_terms_have_a_form_that_tells_them_apart() -> None:
    """P8: for the digest of what is trusted."""
    own = IssuerTerms(opens=MAPPING)
    others = (
        replace(MAPPING, name="x"),
        replace(MAPPING, owner=ClaimOr(fixed="email")),
        replace(MAPPING, scope_claim="scp"),
    )
    forms = [PLAIN.form(), own.form(), *(IssuerTerms(opens=other).form() for other in others)]
    assert len({str(form) for form in forms}) == len(forms)
