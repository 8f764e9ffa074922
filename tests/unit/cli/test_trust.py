"""`mediator trust`: who may sign is changed by the root's holder, and obeyed once it holds.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.assembly.folder import read_key
from mediator.assembly.seen import read_seen
from mediator.cli.trust import DAY_MS
from mediator.identity.dsse import SigningKey
from mediator.manifest.trust import parse_trust, sign_trust
from mediator.manifest.trust_file import TrustFile
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands, content_of


def key_file(folder: Path, name: str) -> tuple[SigningKey, Path]:
    key = SigningKey.generate()
    path = folder / f"{name}.pem"
    path.touch(mode=0o600)
    path.write_text(key.to_pem(None).reveal())
    return key, path


def test_what_stands_in_the_trust_file_is_shown(work: Path, mediator: Commands) -> None:
    """Issue 3: which key may sign for which prefix, with threshold, validity, revocation."""
    out = mediator.well("trust", "show").out
    assert "local-signer" in out
    assert "1 of local-root" in out
    assert mediator.well("trust", "show", "--json").printed["version"] == 1
    assert work.is_dir()


@promise("P2")
def test_several_signers_sign_one_after_the_other(
    imported: Path, mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 3: k of n; keys in files, or from an environment reference."""
    other, path = key_file(tmp_path, "other")
    words = ("--key", other.public.text, "--prefix", "local/", "--threshold", "2")
    assert "2 of 2" in mediator.well("trust", "add-signer", "other", *words).out

    part = mediator.well("manifest", "sign", "clock", "--accept-proposed").out
    assert "1 of 2 signatures" in part
    assert "there is no signed manifest" in mediator.refused("pin", "review", "clock")

    monkeypatch.setenv("SIGNER", path.read_text())
    whole = mediator.well("manifest", "sign", "clock", "--add-signature", "--key", "env:SIGNER").out
    assert "local-signer, other" in whole or "other, local-signer" in whole
    mediator.well("pin", "approve", "clock", "--reviewer", OPERATOR)

    assert mediator.well("trust", "revoke-key", "other", "--why", "it was stolen").code == 0
    problems = mediator.well("pin", "list", "--json").printed["problems"]
    assert "it was stolen" in problems[0]["detail"]
    assert imported.is_dir()


def test_there_must_be_something_to_add_to(imported: Path, mediator: Commands) -> None:
    """The issue: what was wrong, and what to do."""
    words = ("manifest", "sign", "clock", "--accept-proposed", "--add-signature")
    assert "nobody has signed it yet" in mediator.refused(*words)
    assert "there is nothing" in mediator.refused("manifest", "sign", "clock", "--key", "env:NOT_THERE")
    assert imported.is_dir()


@promise("P2", "P7")
def test_the_root_is_handed_on_and_the_old_one_says_nothing_more(
    work: Path, mediator: Commands, tmp_path: Path
) -> None:
    """TUF 5.3.4; and an operator accepts the new root."""
    _, path = key_file(tmp_path, "next")
    mediator.well("trust", "rotate-root", "--new", str(path))
    mediator.well("trust", "accept", "--operator", OPERATOR)
    assert "name the root keys with `--root`" in mediator.refused("trust", "renew").replace("\n", " ")
    assert "renewed" in mediator.well("trust", "renew", "--root", f"file:{path}", "--days", "30").out
    assert mediator.well("trust", "show", "--json").printed["version"] == 3
    assert read_seen(work / ".mediator")


@promise("P7")
def test_without_the_root_key_nothing_is_changed(work: Path, mediator: Commands) -> None:
    """Issue 3: the root is offline."""
    (work / ".mediator" / "keys" / "root.pem").unlink()
    before = content_of(work)
    assert "the root key is not here" in mediator.refused("trust", "renew")
    assert content_of(work) == before


def test_who_is_not_there_cannot_be_revoked_and_a_name_keeps_its_key(work: Path, mediator: Commands) -> None:
    """The issue: what was wrong, and what to do."""
    assert "is no signer" in mediator.refused("trust", "revoke-key", "nobody", "--why", "x")
    add = ("--prefix", "io.example/", "--key")
    assert "has another key" in mediator.refused("trust", "add-signer", "local-signer", *add, KEY)
    mediator.well("trust", "add-signer", "other", *add, KEY)
    assert "is `other`'s already" in mediator.refused("trust", "add-signer", "third", *add, KEY)
    assert "not a public key" in mediator.refused("trust", "add-signer", "third", *add, "x")
    assert work.is_dir()


def resigned(work: Path, change: Callable[[TrustFile], TrustFile]) -> None:
    """Put a trust file there that the root signed with something changed."""
    file = work / "tool_manifests" / "trust.json"
    said = parse_trust(file.read_bytes())
    root = read_key(work / ".mediator" / "keys" / "root.pem")
    file.write_bytes(sign_trust(replace(change(said), version=said.version + 1), [root]))


@promise("P7")
def test_a_trust_file_that_has_ended_is_renewed_before_anything_is_added_to_it(work: Path, mediator: Commands) -> None:
    """The issue: what is wrong, and the next step; nothing half-written."""
    resigned(work, lambda said: replace(said, issued=said.issued - DAY_MS, expires=said.issued - 1000))
    before = content_of(work)
    error = mediator.refused("trust", "revoke-key", "local-signer", "--why", "it was stolen")
    assert "the trust file ended at 20" in error
    assert "`mediator trust renew` first" in error
    assert content_of(work) == before
    mediator.well("trust", "renew")
    mediator.well("trust", "revoke-key", "local-signer", "--why", "it was stolen")


def test_keys_that_count_for_nothing_are_shown_with_the_reason(work: Path, mediator: Commands) -> None:
    """Issue 3: validity and revocation; a table in which all look good would be read as one in which all are."""
    mediator.well("trust", "add-signer", "early", "--key", KEY, "--prefix", "io.example/")

    def ended(said: TrustFile) -> TrustFile:
        signers = {
            keyid: replace(one, valid_from=said.issued - 2 * DAY_MS, valid_until=said.issued - DAY_MS)
            if one.name == "early"
            else one
            for keyid, one in said.signers.items()
        }
        return replace(said, signers=signers)

    resigned(work, ended)
    assert "good from" in mediator.well("trust", "show").out
    mediator.well("trust", "revoke-key", "early", "--why", "lost")
    assert "(lost)" in mediator.well("trust", "show").out


KEY = SigningKey.generate().public.text
