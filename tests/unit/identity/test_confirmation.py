"""To which key a token is bound: two members are known, and whatever else it says is bound to what nobody can show.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import hashlib

import pytest

from mediator.canonical import Json, JsonObject
from mediator.identity.confirmation import Confirmation, confirmation_of, must_be_thumbprint, read_confirmation
from mediator.refusal import Reason, Refused
from tests.promises import promise

ONE, OTHER = (base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode() for raw in (b"1", b"2"))
RFC_9449_KEY = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
RFC_8705_CERTIFICATE = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"


@pytest.mark.parametrize(
    ("confirmation", "form"),
    [
        (Confirmation(jkt=ONE), {"jkt": ONE}),
        (Confirmation(certificate=ONE), {"x5t#S256": ONE}),
        (Confirmation(jkt=ONE, certificate=OTHER), {"jkt": ONE, "x5t#S256": OTHER}),
    ],
    ids=["to a key", "to a certificate", "to both"],
)
def test_what_is_written_into_a_token_is_read_back(confirmation: Confirmation, form: JsonObject) -> None:
    """RFC 9449 §6.1, RFC 8705 §3.1."""
    assert confirmation.form() == form
    assert read_confirmation(form) == confirmation
    assert confirmation_of({"sub": "planner", "cnf": form}) == confirmation


def test_a_token_without_it_is_bound_to_nothing() -> None:
    """RFC 7800 §3.1: the claim is optional."""
    assert confirmation_of({"sub": "planner"}) is None


@promise("P7")
@pytest.mark.parametrize(
    "form",
    [
        None,
        True,
        "",
        ONE,
        [],
        [ONE],
        {},
        {"jwk": {"kty": "OKP"}},
        {"kid": "k"},
        {"jkt": ONE, "jku": "https://a.example"},
        {"jkt": ONE, "jwe": "e"},
        {"x5t": ONE},
        {"x5t#s256": ONE},
        {"jkt": None},
        {"jkt": ""},
        {"x5t#S256": None},
        {"jkt": ONE, "x5t#S256": ""},
        {"jkt": "", "x5t#S256": ONE},
    ],
)
def test_a_token_that_is_bound_otherwise_is_nobodys(form: Json) -> None:
    """Ours (fail closed): what narrows is never left out, and a `cnf` of nothing is not the same as none."""
    with pytest.raises(Refused) as stop:
        read_confirmation(form)
    assert stop.value.reason is Reason.BAD_CREDENTIAL
    with pytest.raises(Refused) as stop:
        confirmation_of({"sub": "planner", "cnf": form})
    assert stop.value.reason is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize("thumbprint", [ONE, OTHER, RFC_9449_KEY, "A" * 43])
def test_a_thumbprint_is_43_characters(thumbprint: str) -> None:
    """RFC 9449 §6.1 has the third of them."""
    assert must_be_thumbprint(thumbprint) == thumbprint


@promise("P7")
@pytest.mark.parametrize(
    "value",
    [
        None,
        43,
        "",
        ONE[:-1],
        ONE + "A",
        ONE + "=",
        ONE + "\n",
        "A" * 42 + "B",
        RFC_8705_CERTIFICATE[:-1] + "3",
        "A" * 21 + "+" + "A" * 21,
        "A" * 21 + "/" + "A" * 21,
        "A" * 42 + "é",
        "\u0660" * 43,
        hashlib.sha256(b"1").hexdigest(),
    ],
)
def test_a_thumbprint_has_one_spelling(value: Json) -> None:
    """RFC 4648 §3.5: a last character with slack bits would name the same key by another text."""
    with pytest.raises(Refused) as stop:
        must_be_thumbprint(value)
    assert stop.value.reason is Reason.BAD_CREDENTIAL
