"""The form of the trust file: read back as written, and in any other form refused with its place.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import JsonObject
from mediator.identity.dsse import sign_envelope
from mediator.manifest.trust import PAYLOAD_TYPE, parse_trust, verify_trust
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.pins import NOW_MS, ROOT, rule_of, trust_file

SAID = trust_file(rule_of("local/", "signer", "cosigner", threshold=2), rule_of("io.example/files", "signer"))


FORM = SAID.as_form()
SIGNER: JsonObject = {
    "name": "signer",
    "key": key_of("signer").public.text,
    "from": "2026-01-01T00:00:00Z",
    "until": "2030-01-01T00:00:00Z",
    "revoked": None,
}
RULE: JsonObject = {
    "prefix": "local/",
    "signers": ["signer"],
    "threshold": 1,
    "from": "2026-01-01T00:00:00Z",
    "until": "2030-01-01T00:00:00Z",
}
ROOT_FORM: Any = FORM["root"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 0}, "`/version`"),
        ({"issued": "x"}, "`/issued`"),
        ({"expires": FORM["issued"]}, "`/expires`"),
        ({"root": {**ROOT_FORM, "keys": []}}, "`/root/keys`"),
        ({"root": {**ROOT_FORM, "threshold": 2}}, "`/root/threshold`"),
        ({"root": {**ROOT_FORM, "threshold": 0}}, "`/root/threshold`"),
        ({"root": {**ROOT_FORM, "keys": ROOT_FORM["keys"] * 2}}, "`/root/keys/1`: the same name or key twice"),
        ({"root": {**ROOT_FORM, "keys": [{"name": "r", "key": "x"}]}}, "`/root/keys/0/key`: not a public key"),
        ({"root": {**ROOT_FORM, "more": 1}}, "`/root/more`"),
        ({"signers": {}}, "`/signers`"),
        ({"signers": [{**SIGNER, "key": "x"}]}, "`/signers/0/key`: not a public key"),
        ({"signers": [{**SIGNER, "key": 5}]}, "`/signers/0/key`"),
        ({"signers": [{**SIGNER, "until": SIGNER["from"]}]}, "`/signers/0/until`"),
        ({"signers": [{**SIGNER, "revoked": True}]}, "`/signers/0/revoked`"),
        ({"signers": [{**SIGNER, "revoked": {"at": "x", "why": "y"}}]}, "`/signers/0/revoked/at`"),
        ({"signers": [{**SIGNER, "revoked": {"at": SIGNER["from"], "why": ""}}]}, "`/signers/0/revoked/why`"),
        ({"signers": [SIGNER, {**SIGNER, "name": "other"}]}, "`/signers/1`: the same name or key twice"),
        ({"signers": [SIGNER, {**SIGNER, "key": key_of("x").public.text}]}, "`/signers/1`: the same name or key twice"),
        ({"rules": [{**RULE, "signers": []}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": ["nobody"]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": ["signer", "signer"]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": [1]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": [["signer"]]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "threshold": 0}]}, "`/rules/0/threshold`"),
        ({"rules": [{**RULE, "threshold": 2}]}, "`/rules/0/threshold`"),
        ({"rules": [{**RULE, "prefix": ""}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "prefix": "io.example"}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "prefix": "/"}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "prefix": "../"}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "prefix": "io.example/.."}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "until": RULE["from"]}]}, "`/rules/0/until`"),
        ({"rules": [{**RULE, "from": "x"}]}, "`/rules/0/from`"),
        ({"rules": [RULE, RULE]}, "`/rules`: expected one rule a prefix"),
        ({"critical": 1}, "`/critical`: not a known member"),
    ],
    ids=str,
)
@promise("P7")
def test_a_trust_file_in_any_other_form_is_malformed(change: JsonObject, told: str) -> None:
    """Ours: who may sign is never guessed; a member that is not known may say that a key is not to be used."""
    form: JsonObject = {**FORM, "signers": [SIGNER], "rules": [RULE], **change}
    raw = sign_envelope(form, PAYLOAD_TYPE, [key_of("root")])
    with pytest.raises(Refused) as refusal:
        parse_trust(raw)
    assert refusal.value.reason is Reason.MALFORMED
    assert refusal.value.detail.startswith(told)
    with pytest.raises(Refused) as refusal:
        verify_trust(raw, ROOT, NOW_MS, 0)
    assert refusal.value.reason is Reason.MALFORMED
