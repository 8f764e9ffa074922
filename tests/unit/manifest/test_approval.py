"""Approving: what a reviewer signs is what will load, and nothing loosens on the way.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject
from mediator.effect import Effect
from mediator.identity.statement import Role
from mediator.manifest.approval import Raise
from mediator.manifest.lock import approvals_that_verify, parse_lock
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of, operators_of
from tests.simulated.pins import OPERATORS, READ, approved, full_manifest, loaded, manifest_of, signed

WRITE: JsonObject = {**READ, "name": "write"}
ENVELOPE = signed(manifest_of(READ, WRITE))


def refused(
    envelope: bytes = ENVELOPE, server: str = "files", pins_lock: bytes | None = None, **how: object
) -> Refused:
    with pytest.raises(Refused) as refusal:
        approved(envelope, server, pins_lock, **how)
    return refusal.value


def names(pins_lock: bytes, envelope: bytes = ENVELOPE) -> list[tuple[str, int]]:
    pins, problems = loaded(pins_lock, {"files": envelope})
    assert problems == ()
    return [(tool.assigned, tool.pin_serial) for tool in pins]


def test_all_tools_of_a_manifest_are_approved_at_once() -> None:
    """Design 5.1: `pin approve clock`."""
    assert names(approved(ENVELOPE)) == [("files__read", 1), ("files__write", 2)]


def test_some_tools_may_be_approved_and_others_later() -> None:
    """Ours: a reviewer approves what was looked at."""
    first = approved(ENVELOPE, tools=frozenset({"write"}))
    assert names(first) == [("files__write", 1)]
    assert names(approved(ENVELOPE, pins_lock=first, tools=frozenset({"read"}))) == [
        ("files__read", 2),
        ("files__write", 1),
    ]


def test_approving_again_takes_the_place_of_the_older_statement() -> None:
    """Ours: the file holds what is in force; serials rise all the same."""
    again = approved(ENVELOPE, pins_lock=approved(ENVELOPE), tools=frozenset({"read"}))
    assert len(parse_lock(again)) == 2
    assert names(again) == [("files__read", 3), ("files__write", 2)]


def test_statements_that_do_not_hold_are_left_for_the_report_and_count_for_nothing() -> None:
    """Ours: nobody's statement is thrown away, and a forged serial moves nothing."""
    strangers = operators_of(mallory=Role.OPERATOR)
    forged = approved(ENVELOPE, tools=frozenset({"read"}), reviewer=key_of("mallory"), operators=strangers)
    lock = approved(ENVELOPE, pins_lock=forged)
    assert len(parse_lock(lock)) == 3
    pins, problems = loaded(lock, {"files": ENVELOPE})
    assert [tool.pin_serial for tool in pins] == [1, 2]
    assert len(problems) == 1


@promise("P2")
def test_only_an_operator_who_may_approves() -> None:
    """Design 2a."""
    assert refused(reviewer=key_of("mallory")).reason is Reason.UNKNOWN_KEY
    owners = operators_of(reviewer=Role.OWNER)
    assert refused(operators=owners).reason is Reason.UNKNOWN_KEY


@promise("P2")
def test_no_key_approves_what_it_signed() -> None:
    """Design 2a: `signer` is an operator too, and may review the work of others."""
    refusal = refused(reviewer=key_of("signer"))
    assert refusal.reason is Reason.BAD_CREDENTIAL
    assert "another key must review it" in refusal.detail
    foreign = signed({**manifest_of(), "publisher": "cosigner"}, "cosigner")
    assert names(approved(foreign, reviewer=key_of("signer")), foreign) == [("files__read", 1)]


@pytest.mark.parametrize("server", ["", "Files", "a" * 21, "../files"])
def test_a_server_goes_by_a_local_name(server: str) -> None:
    """Design 5.4."""
    assert refused(server=server).reason is Reason.MALFORMED


def test_what_is_not_there_is_not_approved() -> None:
    """Ours: a typing mistake approves nothing."""
    assert refused(tools=frozenset({"raed"})).detail == "the manifest has no tool `raed`"
    assert refused(assigned={"raed": "x"}).reason is Reason.UNKNOWN_TOOL
    assert refused(tools=frozenset()).detail.startswith("nothing to approve")


def test_an_older_manifest_is_not_approved() -> None:
    """Design 5.4: rollback."""
    newer = approved(signed({**manifest_of(READ, WRITE), "serial": 4}))
    assert "an old manifest came back" in refused(pins_lock=newer).detail
    mail = signed(manifest_of(server="mail"))
    approved(mail, "mail", newer)


@promise("P2")
@pytest.mark.parametrize(
    "raises",
    [Raise(effect=Effect.READ), Raise(sensitivity=1), Raise(sensitivity=4), Raise(effect=Effect.WRITE, sensitivity=-1)],
)
def test_a_review_never_loosens(raises: Raise) -> None:
    """Design 5.1: `--raise` tightens, never loosens."""
    envelope = signed(manifest_of(effect="write", sensitivity=2))
    refusal = refused(envelope, raises=raises)
    assert refusal.detail == "`read` is declared `write`, sensitivity 2: a review may only tighten it"


def test_a_review_may_tighten() -> None:
    """Design 5.1."""
    raised = approved(ENVELOPE, tools=frozenset({"read"}), raises=Raise(effect=Effect.SEND, sensitivity=2))
    approval = approvals_that_verify(parse_lock(raised), OPERATORS)[0].approval
    assert (approval.effect, approval.sensitivity) == (Effect.SEND, 2)


def test_a_name_that_breaks_the_rules_must_be_assigned_and_one_is_proposed() -> None:
    """Design 5.1: `--as NAME` is required, with a proposal."""
    long: JsonObject = {**READ, "name": "a.tool." + "x" * 60}
    envelope = signed(manifest_of(long))
    detail = refused(envelope).detail
    assert "is longer than 45 characters: assign one with `--as`" in detail
    proposal = detail.rsplit("`", 2)[1]
    assert names(approved(envelope, assigned={str(long["name"]): proposal}), envelope) == [(proposal, 1)]
    assert "not of letters" in refused(signed(manifest_of({**READ, "name": "a.b"}))).detail


@promise("P2")
def test_a_name_that_is_taken_after_case_folding_must_be_assigned() -> None:
    """Design 5.1."""
    assert "taken" in refused(assigned={"write": "files__READ"}).detail
    first = approved(ENVELOPE, tools=frozenset({"read"}), assigned={"read": "files__write"})
    refusal = refused(pins_lock=first, tools=frozenset({"write"}))
    assert "the name `files__write` for `write` is taken" in refusal.detail
    assert "`files__write-2`" in refusal.detail


def test_approving_again_keeps_its_own_name() -> None:
    """Ours: a tool is not in its own way."""
    assert names(approved(ENVELOPE, pins_lock=approved(ENVELOPE))) == [("files__read", 3), ("files__write", 4)]


def test_what_cannot_be_pinned_is_not_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A3 signs with tools of their own."""
    monkeypatch.setattr("mediator.manifest.signature.must_be_signable", lambda _: None)
    foreign = signed(manifest_of({**READ, "inputSchema": {"type": "object", "$ref": "file:///etc/passwd"}}))
    assert refused(foreign).detail.startswith("`read` cannot be pinned: `/inputSchema/$ref`")


def test_a_lock_that_cannot_be_read_is_not_written_over() -> None:
    """Ours: nothing half-written."""
    assert refused(pins_lock=b"{}").reason is Reason.MALFORMED


@promise("P2")
def test_a_reviewer_adds_labels_and_takes_none_away() -> None:
    """Issue 3: the stricter of the publisher's and the reviewer's word holds."""
    envelope = signed(manifest_of(result_labels=["untrusted"]))
    lock = approved(envelope, raises=Raise(labels=frozenset({"confidential:payroll"})), note="They are salaries.")
    pins, problems = loaded(lock, {"files": envelope})
    assert problems == ()
    assert [tool.result_labels for tool in pins] == [frozenset({"untrusted", "confidential:payroll"})]


@promise("P2", "P7")
def test_a_family_that_may_name_what_another_servers_does_is_refused_and_signs_nothing() -> None:
    """Ours: what would not load is not approved, and both are told what `load_pins` would say."""
    mine, theirs = (
        signed(full_manifest(prefixes=["x://h/"])),
        signed(full_manifest(prefixes=["x://h/a/"], server="mail")),
    )
    lock = approved(mine)
    pinned, _ = loaded(lock, {"files": mine})

    refusal = refused(theirs, "mail", lock, beside=pinned.resources)

    told = "it may name the same resource as `x://h/` of `files`: revoke the approval of one of them"
    assert told in refusal.detail
    assert "`x://h/a/` cannot be pinned" in refusal.detail
    (problem,) = loaded(approved(theirs, "mail", lock), {"files": mine, "mail": theirs})[1]
    assert problem.detail in refusal.detail
    assert approved(mine, pins_lock=lock, beside=pinned.resources) != lock  # its own stands in nobody's way
    tools = approved(theirs, "mail", lock, tools=frozenset({"read"}), beside=pinned.resources)
    assert loaded(tools, {"files": mine, "mail": theirs})[1] == ()
