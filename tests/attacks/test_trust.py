"""Who may sign, attacked: a stranger's root, a frozen file, borrowed prefixes, revoked keys, unknown members (A3, A7).

What is put back whole is in `test_old_words.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mediator.assembly.folder import Folder, read_key, read_operators, read_settings
from mediator.assembly.trust import load_pin_set
from mediator.canonical import JsonObject
from mediator.identity.dsse import SigningKey, sign_envelope
from mediator.identity.statement import Act, sign_statement, verify_statement
from mediator.manifest.signature import PAYLOAD_TYPE, verify_manifest
from mediator.manifest.trust import PAYLOAD_TYPE as TRUST_TYPE
from mediator.manifest.trust import parse_trust, sign_trust, verify_trust
from mediator.manifest.trust_file import RootRole, Signer
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands
from tests.simulated.people import key_of
from tests.simulated.pins import NOW_MS, OPERATORS, ROOT, TRUST, manifest_of, rule_of, signed, trust_file, trust_of
from tests.simulated.tool_server_stdio import SimulatedStdioServer, tool

MALLORY = SigningKey.generate()


@pytest.fixture
def mediator(capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands, typed in the set-up."""
    return Commands(capsys)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mediator: Commands) -> Path:
    """A set-up in which the clock is signed by the local signer, and not pinned yet."""
    clock = SimulatedStdioServer(tmp_path, name="clock", tools=[tool("now")])
    mediator.well("init", str(tmp_path / "work"), "--operator", OPERATOR)
    monkeypatch.chdir(tmp_path / "work")
    mediator.well("manifest", "import", "clock", "--command", " ".join(clock.command), "--yes")
    mediator.well("manifest", "sign", "clock", "--accept-proposed")
    return tmp_path / "work"


def file_of_a_stranger(raw: bytes) -> bytes:
    """Return the trust file as it would be if Mallory were its root and its only signer."""
    said = parse_trust(raw)
    root = RootRole(keys={"local-root": MALLORY.public}, threshold=1)
    mine = Signer(name="mallory", key=MALLORY.public, valid_from=said.issued, valid_until=said.expires)
    rules = tuple(replace(rule, signers=frozenset({MALLORY.public.keyid})) for rule in said.rules)
    changed = replace(said, version=99, root=root, signers={MALLORY.public.keyid: mine}, rules=rules)
    return sign_trust(changed, [MALLORY])


@promise("P2", "P7")
def test_a_strangers_root_is_obeyed_by_nothing_and_not_accepted_in_passing(work: Path, mediator: Commands) -> None:
    """TUF 5.3.4: new root keys are signed by the old ones; an operator in a hurry does not let others in."""
    mediator.well("pin", "approve", "clock", "--reviewer", OPERATOR)
    file = work / "tool_manifests" / "trust.json"
    file.write_bytes(file_of_a_stranger(file.read_bytes()))

    for words in (("pin", "list"), ("policy", "check"), ("manifest", "verify", "clock")):
        assert "trust" in mediator.refused(*words)
    assert mediator("doctor").code == 1
    assert "`--replace-root`" in mediator.refused("trust", "accept", "--operator", OPERATOR)
    assert MALLORY.public.text in mediator.well("trust", "accept", "--operator", OPERATOR, "--replace-root").out


@promise("P7")
def test_a_root_that_did_not_sign_is_not_accepted_even_in_place_of_the_old(work: Path, mediator: Commands) -> None:
    """Ours: `--replace-root` takes a root that signs, not a name of one."""
    file = work / "tool_manifests" / "trust.json"
    said = replace(parse_trust(file.read_bytes()), root=RootRole(keys={"m": MALLORY.public}, threshold=1))
    file.write_bytes(sign_trust(said, [read_key(work / ".mediator" / "keys" / "root.pem")]))

    assert "expected it signed by" in mediator.refused("trust", "accept", "--operator", OPERATOR, "--replace-root")


@promise("P7")
def test_a_frozen_trust_file_trusts_nobody(work: Path, mediator: Commands) -> None:
    """TUF 5.3.10: who holds back the renewal gains nothing by it."""
    mediator.well("pin", "approve", "clock", "--reviewer", OPERATOR)
    home = Folder(root=work)
    settings, operators = read_settings(home), read_operators(home)
    expires = parse_trust((work / "tool_manifests" / "trust.json").read_bytes()).expires

    with pytest.raises(Refused, match="trust renew") as refused:
        load_pin_set(home, settings, operators, expires)
    assert refused.value.reason is Reason.EXPIRED_CREDENTIAL


@pytest.mark.parametrize(
    "name",
    [
        "io.example.evil/files",
        "io.exampleevil/files",
        "evil.io.example/files",
        "io.Example/files",
        "io.example-x/files",
    ],
)
@promise("P2")
def test_nobody_signs_for_a_name_that_only_looks_like_their_prefix(name: str) -> None:
    """Issue 3: `io.example/` is not the beginning of anybody else's name."""
    manifest = manifest_of()
    server = manifest["server"]
    assert isinstance(server, dict)
    trust = trust_of("io.example/")
    with pytest.raises(Refused) as refused:
        verify_manifest(signed({**manifest, "server": {**server, "name": name}}), trust, NOW_MS)
    assert refused.value.reason in {Reason.BAD_CREDENTIAL, Reason.MALFORMED}
    verify_manifest(signed({**manifest, "server": {**server, "name": "io.example/files"}}), trust, NOW_MS)


@pytest.mark.parametrize("prefix", ["io.example", "io.example/a/", "io.example/*", "*/", "/", "io.example/../"])
@promise("P2")
def test_a_prefix_that_is_no_namespace_and_no_name_is_no_rule(prefix: str) -> None:
    """Issue 3: nothing that could match halves of a word, or everything."""
    with pytest.raises(Refused) as refused:
        sign_trust(trust_file(rule_of(prefix, "signer")), [key_of("root")])
    assert refused.value.reason is Reason.MALFORMED


def with_critical(payload: JsonObject) -> JsonObject:
    return {**payload, "critical": ["sandbox"]}


@promise("P7")
def test_an_unknown_critical_field_is_refused_wherever_it_stands_though_it_was_signed() -> None:
    """RFC 7515 §4.1.11 in spirit: what a reader does not understand, it does not obey in part."""
    manifest, trust = manifest_of(), trust_file(rule_of("local/", "signer")).as_form()
    tools = manifest["tools"]
    assert isinstance(tools, list)
    assert isinstance(tools[0], dict)
    manifests: list[JsonObject] = [with_critical(manifest), {**manifest, "tools": [with_critical(tools[0])]}]
    for changed in manifests:
        with pytest.raises(Refused, match="critical") as refused:
            verify_manifest(sign_envelope(changed, PAYLOAD_TYPE, [key_of("signer")]), TRUST, NOW_MS)
        assert refused.value.reason is Reason.MALFORMED
    root = trust["root"]
    assert isinstance(root, dict)
    for changed in (with_critical(trust), {**trust, "root": with_critical(root)}):
        with pytest.raises(Refused, match="critical") as refused:
            verify_trust(sign_envelope(changed, TRUST_TYPE, [key_of("root")]), ROOT, NOW_MS, 0)
        assert refused.value.reason is Reason.MALFORMED


@promise("P7")
def test_an_unknown_critical_field_in_a_statement_is_refused_too() -> None:
    """Ours."""
    subject: JsonObject = {"digest": "sha256:x"}
    raw = sign_statement(
        key_of("reviewer"), act=Act.POLICY_ACTIVATE, subject=subject, who="reviewer", at=NOW_MS, serial=1
    )
    said = verify_statement(raw, OPERATORS, Act.POLICY_ACTIVATE)
    payload: JsonObject = {
        "act": said.act.value,
        "at": said.at,
        "serial": said.serial,
        "subject": said.subject,
        "tenant": said.tenant,
        "who": said.who,
    }
    type_of_statements = "application/vnd.mcp-mediator.statement+json"
    changed = sign_envelope(with_critical(payload), type_of_statements, [key_of("reviewer")])
    with pytest.raises(Refused) as refused:
        verify_statement(changed, OPERATORS, Act.POLICY_ACTIVATE)
    assert refused.value.reason is Reason.MALFORMED


@promise("P2")
def test_a_reviewer_who_also_signed_reviews_nothing(work: Path, mediator: Commands) -> None:
    """Design 2a: no key reviews what it signed, not even as one signer of several."""
    key = work / ".mediator" / "keys" / f"operator-{OPERATOR}.pem"
    public = read_key(key).public.text
    mediator.well("trust", "add-signer", "me", "--key", public, "--prefix", "local/", "--threshold", "2")
    local = str(work / ".mediator" / "keys" / "signer.pem")
    mediator.well("manifest", "sign", "clock", "--key", local, "--key", str(key))

    mediator("pin", "approve", "clock", "--reviewer", OPERATOR)

    assert mediator.well("pin", "list", "--json").printed["pins"] == []


@promise("P2")
def test_a_revoked_key_is_not_let_in_again(work: Path, mediator: Commands) -> None:
    """Issue 3: a revocation is for ever; a signer whose time is short is given more."""
    mediator.well("trust", "new-key", "bob.pem")
    add = ("trust", "add-signer", "bob", "--key", "bob.pub", "--prefix", "io.example/", "--days")
    mediator.well(*add, "10")
    mediator.well(*add, "20")
    bob = next(one for one in mediator.well("trust", "show", "--json").printed["signers"] if one["name"] == "bob")
    assert bob["until"] > bob["from"]
    mediator.well("trust", "revoke-key", "bob", "--why", "stolen")

    assert "that key was revoked: stolen" in mediator.refused(*add, "20")
    assert "is in the way" in mediator.refused("trust", "new-key", "bob.pem")
    (work / "binary").write_bytes(b"\xff\xfe\x00")
    assert "not a public key" in mediator.refused(
        "trust", "add-signer", "eve", "--key", "binary", "--prefix", "io.example/"
    )
