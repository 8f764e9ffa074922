"""What is trusted: only what a statement or a signature carries; anything else stops the start or does not exist.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mediator.adapters.engine_cedar import check_policies
from mediator.assembly.folder import Folder, read_key, read_operators, read_settings
from mediator.assembly.issuer import IssuerKeys
from mediator.assembly.trust import LoadedTrust, item_facts, load_keys, load_trust, read_policies
from mediator.canonical import JsonObject
from mediator.cli.folder import now_ms
from mediator.cli.main import run
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, sign_statement
from mediator.mediation.trust import CallLimits
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import DEFAULT_RATE, LoopSettings, Quotas
from tests.promises import promise
from tests.simulated.forged_tokens import jwk_of
from tests.simulated.opened import BASE_URL, OTHER
from tests.simulated.pins import full_manifest, pinned, pins_of_manifest
from tests.simulated.policies import DEFAULT_POLICIES
from tests.simulated.running import OWNER
from tests.simulated.tampering import with_payload

COMPANY = "https://idp.example.com"


def load(home: Folder) -> LoadedTrust:
    return load_trust(
        home, read_settings(home), IssuerKeys(signing_key=read_key(home.key_file("issuer"))), BASE_URL, now_ms()
    )


def test_a_new_set_up_trusts_its_own_issuer_and_pins_nothing(home: Folder) -> None:
    """P7: empty is never permission; nothing is pinned by being there."""
    loaded = load(home)
    assert loaded.problems == ()
    assert len(loaded.snapshot.pins) == 0
    assert set(loaded.snapshot.keys.issuers) == {BASE_URL}
    assert loaded.snapshot.audience == BASE_URL


def test_the_limits_of_a_call_are_those_of_the_settings(home: Folder) -> None:
    """Ours: a limit that is set and not obeyed is worse than none."""
    settings = home.settings_file
    limits = "deadline_seconds = 7\nresult_bytes_max = 4096\ninput_seconds = 9"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace("[limits]", f"[limits]\n{limits}"), encoding="utf-8"
    )

    assert load(home).snapshot.limits == CallLimits(
        deadline_seconds=7,
        result_bytes_max=4096,
        clock_skew_seconds=30,
        input_seconds=9,
        quotas=Quotas(rates=(DEFAULT_RATE,), loop=LoopSettings()),
    )


def policy(home: Folder) -> Path:
    return next(iter(sorted((home.root / "policies").glob("*.cedar"))))


def edit(home: Folder) -> None:
    file = policy(home)
    file.write_text(file.read_text() + "\npermit (principal, action, resource);\n")


def add(home: Folder) -> None:
    (home.root / "policies" / "zz.cedar").write_text("permit (principal, action, resource);")


def remove(home: Folder) -> None:
    policy(home).unlink()


def rename(home: Folder) -> None:
    policy(home).rename(policy(home).with_name("renamed.cedar"))


def drop_statement(home: Folder) -> None:
    (home.root / "policies" / "active.dsse.json").unlink()


def statement_without_digest(home: Folder) -> None:
    at = now_ms()
    key = read_key(home.key_file("operator", OWNER))
    raw = sign_statement(key, act=Act.POLICY_ACTIVATE, subject={"digest": 7}, who=OWNER, at=at, serial=at)
    (home.root / "policies" / "active.dsse.json").write_bytes(raw)


@pytest.mark.parametrize("change", [edit, add, remove, rename, drop_statement, statement_without_digest])
@promise("P7")
def test_policies_that_no_operator_put_in_force_as_they_stand_stop_the_start(
    home: Folder, change: Callable[[Folder], None]
) -> None:
    """Bad input: an edited policy without a statement; the next step is named."""
    change(home)
    with pytest.raises(Refused) as refused:
        load(home)
    assert refused.value.reason is Reason.POLICY_ERROR
    assert str(home.root / "policies") in refused.value.detail
    assert "mediator policy activate" in refused.value.detail


@promise("P7")
def test_policies_that_somebody_without_the_role_put_in_force_stop_the_start(home: Folder) -> None:
    """A4: a reviewer approves pins, and puts no policy in force."""
    edit(home)
    key, at = read_key(home.key_file("operator", OTHER)), now_ms()
    raw = sign_statement(key, act=Act.POLICY_ACTIVATE, subject={"digest": "x"}, who=OTHER, at=at, serial=at)
    (home.root / "policies" / "active.dsse.json").write_bytes(raw)
    with pytest.raises(Refused) as refused:
        load(home)
    assert refused.value.reason is not Reason.INTERNAL


def test_policies_that_were_put_in_force_are_the_ones_that_count(home: Folder) -> None:
    """Ours: the edit, then the operator's statement."""
    before = load(home).snapshot.policies.digest
    (home.root / "policies" / "zz.cedar").write_text(
        '@id("zz")\n@reason("Nothing today.")\nforbid (principal, action, resource);'
    )
    assert run(["policy", "activate", "--operator", OWNER, "--folder", str(home.root)]) == 0
    assert load(home).snapshot.policies.digest != before


def test_a_policy_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    """Bad input."""
    (tmp_path / "a.cedar").write_bytes(b"// caf\xe9")
    with pytest.raises(Refused, match=r"a\.cedar` is not UTF-8 at byte 6"):
        read_policies(tmp_path)


def test_trust_that_was_edited_without_a_statement_is_named(home: Folder) -> None:
    """P2: who may sign manifests is what an operator accepted."""
    file = home.root / "tool_manifests" / "trust.json"
    file.write_bytes(with_payload(file.read_bytes(), b"local/", b"other/"))
    with pytest.raises(Refused) as refused:
        load(home)
    assert str(file) in refused.value.detail


@pytest.mark.parametrize("name", ["trust.json", "trust.dsse.json"])
def test_trust_that_is_missing_is_named(home: Folder, name: str) -> None:
    """P7."""
    (home.root / "tool_manifests" / name).unlink()
    with pytest.raises(Refused) as refused:
        load(home)
    assert name in refused.value.detail


def trust_company(home: Folder, keys: object) -> None:
    (home.root / "company.json").write_text(json.dumps(keys))
    with home.settings_file.open("a") as file:
        file.write(f'\n[[issuer]]\nname = "company"\nissuer = "{COMPANY}"\nkeys_file = "company.json"\n')


def test_another_issuer_is_trusted_by_the_file_of_its_keys(home: Folder) -> None:
    """Issue 2: `[[issuer]]` with `keys_file`, relative to the settings."""
    key = SigningKey.generate()
    trust_company(home, {"keys": [jwk_of(key)]})
    issuers = load(home).snapshot.keys.issuers
    assert set(issuers) == {BASE_URL, COMPANY}
    assert set(issuers[COMPANY].keys) == {key.public.keyid}


@pytest.mark.parametrize("keys", [[], {}, {"keys": [{}]}, {"keys": "x"}])
@promise("P7")
def test_a_file_of_keys_that_holds_none_stops_the_start(home: Folder, keys: object) -> None:
    """P7: an issuer that cannot be checked is a mistake, and is told at the start."""
    trust_company(home, keys)
    with pytest.raises(Refused, match=r"company\.json"):
        load(home)


def test_a_file_of_keys_that_is_missing_is_named(home: Folder) -> None:
    """Bad input: missing keys."""
    trust_company(home, {})
    (home.root / "company.json").unlink()
    with pytest.raises(Refused, match=r"company\.json` cannot be read"):
        load(home)


def test_pins_that_nobody_reviewed_do_not_exist_and_are_reported_or_stop_the_start(home: Folder) -> None:
    """P2: a line in `pins.lock` is not a pin."""
    (home.root / "tool_manifests" / "pins.lock").write_text('{"made": "up"}')
    try:
        loaded = load(home)
    except Refused as refused:
        assert refused.detail
    else:
        assert len(loaded.snapshot.pins) == 0
        assert loaded.problems


def test_policy_knows_of_a_tool_what_its_owner_declared(home: Folder) -> None:
    """P2: facts come from the pin, never from what a server says now."""
    tool = pinned(effect="write")
    facts = item_facts(tool)
    assert (facts.server, facts.name, facts.effect, facts.domain) == ("files", "read", "write", "files")
    assert facts.digest == tool.digest
    assert facts.input_schema == tool.definition["inputSchema"]
    assert read_operators(home)


def test_policy_knows_every_kind_of_item_that_is_pinned() -> None:
    """P2: a prompt's arguments as its pinned definition names them; of a resource its URI."""
    prompt: JsonObject = {"name": "sum", "arguments": [{"name": "topic", "required": True}, {"name": "style"}]}
    manifest = full_manifest(prompts=[prompt, {"name": "bare"}], resources=[{"uri": "log://now", "name": "log"}])
    known = {facts.key: facts for facts in map(item_facts, pins_of_manifest(manifest).items)}
    texts: JsonObject = {"topic": {"type": "string"}, "style": {"type": "string"}}
    assert known["files/prompt:sum"].input_schema == {"type": "object", "properties": texts}
    assert known["files/prompt:bare"].input_schema == {"type": "object", "properties": {}}
    assert known["files/resource:log://now"].input_schema["required"] == ["uri"]
    assert known["files/resource:log://now"].targets == ()
    assert len(check_policies(DEFAULT_POLICIES, known.values())) == 0


@promise("P7")
@pytest.mark.parametrize("name", [BASE_URL, COMPANY])
def test_no_issuer_has_the_name_of_another(home: Folder, name: str) -> None:
    """RFC 9207 in spirit (mix-up): the keys of one would be those of the other."""
    trust_company(home, {"keys": [jwk_of(SigningKey.generate())]})
    with home.settings_file.open("a") as file:
        file.write(f'\n[[issuer]]\nname = "evil"\nissuer = "{name}"\nkeys_url = "https://evil.example/jwks"\n')
    with pytest.raises(Refused):
        load(home)


def test_an_issuer_by_url_is_believed_by_what_was_published(home: Folder) -> None:
    """The issue; before anything was, it is known and believed in nothing; its terms are those of the settings."""
    with home.settings_file.open("a") as file:
        file.write(f'\n[[issuer]]\nname = "company"\nissuer = "{COMPANY}"\nkeys_url = "{COMPANY}/jwks"\n')
        file.write('audience = "api"\nowner_claim = "email"\nteam = "build"\n')
    settings, keys = read_settings(home), IssuerKeys(signing_key=read_key(home.key_file("issuer")))
    key = SigningKey.generate()
    forms: JsonObject = {"keys": [jwk_of(key)]}
    for published, key_ids in (({}, set[str]()), ({COMPANY: forms}, {key.public.keyid})):
        issuer = load_keys(home, settings, keys, BASE_URL, published).issuers[COMPANY]
        assert {*issuer.keys} == key_ids
        assert issuer.terms.audience == "api"
        assert issuer.terms.opens is not None
        assert (issuer.terms.opens.owner.claim, issuer.terms.opens.team.fixed) == ("email", "build")
